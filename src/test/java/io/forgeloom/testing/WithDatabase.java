package io.forgeloom.testing;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import java.sql.SQLException;
import java.time.Duration;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolutionException;
import org.junit.jupiter.api.extension.ParameterResolver;
import org.junit.platform.commons.support.AnnotationSupport;

/**
 * Gives each test a {@link TestDatabase} of its own on the {@link SharedServer}, as a parameter of the test method, of
 * {@code @BeforeEach} and of {@code @AfterEach}; it is dropped after the test.
 *
 * <pre>{@code
 * @WithDatabase(expectNoConnections = true)
 * class PoolTest {
 *     @Test
 *     void closeLeavesNoSession(TestDatabase database) { … }
 * }
 * }</pre>
 */
@Target({ElementType.TYPE, ElementType.METHOD})
@Retention(RetentionPolicy.RUNTIME)
@ExtendWith(WithDatabase.Extension.class)
public @interface WithDatabase {

    /**
     * Whether a test fails that leaves a session in its database, 5 s after its {@code @AfterEach} methods. Defaults to
     * false: what is left is cut off with the database.
     */
    boolean expectNoConnections() default false;

    /** What the annotation does. */
    final class Extension implements ParameterResolver, AfterEachCallback {

        private static final ExtensionContext.Namespace NAMESPACE = ExtensionContext.Namespace.create(Extension.class);
        private static final Duration PATIENCE = Duration.ofSeconds(5);

        @Override
        public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
            return parameter.getParameter().getType() == TestDatabase.class
                    && context.getTestMethod().isPresent();
        }

        @Override
        public Object resolveParameter(ParameterContext parameter, ExtensionContext context) {
            // The store closes the database when the test is over.
            return context.getStore(NAMESPACE).getOrComputeIfAbsent(TestDatabase.class, key -> {
                try {
                    return TestDatabase.on(SharedServer.get());
                } catch (SQLException e) {
                    throw new ParameterResolutionException("cannot create a database", e);
                }
            });
        }

        @Override
        public void afterEach(ExtensionContext context) throws Exception {
            TestDatabase database = context.getStore(NAMESPACE).get(TestDatabase.class, TestDatabase.class);
            if (database != null && expectsNoConnections(context)) {
                database.assertNoConnections(PATIENCE);
            }
        }

        private static boolean expectsNoConnections(ExtensionContext context) {
            return AnnotationSupport.findAnnotation(context.getRequiredTestMethod(), WithDatabase.class)
                    .or(() -> AnnotationSupport.findAnnotation(context.getRequiredTestClass(), WithDatabase.class))
                    .map(WithDatabase::expectNoConnections)
                    .orElse(false);
        }
    }
}
