package io.forgeloom.testing;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.parallel.ExecutionMode;

/**
 * Fails a test that leaves a thread of the product behind, one whose name starts with {@code forgeloom-}: register it
 * with {@code @ExtendWith(ThreadLeaks.class)}. Safe for use by many threads.
 *
 * <p>Of tests that run side by side, the last one looks for all: before, a thread may be another's.
 *
 * <p>Virtual threads are in no thread group. The JDK's own registry has them; the thread dump that is made from it would
 * do, but on JDK 25.0.3 it kills the JVM now and then if a virtual thread ends at that moment.
 */
public final class ThreadLeaks implements AfterEachCallback, AfterAllCallback {

    private static final String OURS = "forgeloom-";
    private static final String CONTAINERS = "jdk.internal.vm.ThreadContainer";
    private static final Duration PATIENCE = Duration.ofSeconds(5);

    @Override
    public void afterEach(ExtensionContext context) throws InterruptedException {
        if (context.getExecutionMode() != ExecutionMode.CONCURRENT) {
            assertNone(PATIENCE);
        }
    }

    @Override
    public void afterAll(ExtensionContext context) throws InterruptedException {
        assertNone(PATIENCE);
    }

    /** Fails if a thread of the product is still there after a wait, and shows its stack. */
    public static void assertNone(Duration timeout) throws InterruptedException {
        long started = System.nanoTime();
        for (List<String> left = alive(); !left.isEmpty(); left = alive()) {
            if (System.nanoTime() - started > timeout.toNanos()) {
                throw new AssertionError(left.size() + " threads of the product left after " + timeout.toMillis()
                        + " ms:\n" + String.join("\n\n", left));
            }
            Thread.sleep(20);
        }
    }

    /** The threads of the product that are alive now, platform and virtual: name and stack. */
    public static List<String> alive() {
        try {
            Object root = Class.forName(CONTAINERS + "s").getMethod("root").invoke(null);
            List<String> found = new ArrayList<>();
            collect(root, Class.forName(CONTAINERS), found);
            return found;
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException("needs --add-exports java.base/jdk.internal.vm, as the pom gives it", e);
        }
    }

    private static void collect(Object container, Class<?> type, List<String> found)
            throws ReflectiveOperationException {
        try (Stream<?> threads = (Stream<?>) type.getMethod("threads").invoke(container);
                Stream<?> children = (Stream<?>) type.getMethod("children").invoke(container)) {
            for (Object element : threads.toList()) {
                Thread thread = (Thread) element;
                if (thread.getName().startsWith(OURS) && thread.isAlive()) {
                    found.add("#" + thread.threadId() + " \"" + thread.getName() + "\""
                            + Arrays.stream(thread.getStackTrace())
                                    .map(frame -> "\n\tat " + frame)
                                    .collect(Collectors.joining()));
                }
            }
            for (Object child : children.toList()) {
                collect(child, type, found);
            }
        }
    }
}
