package io.forgeloom.internal.concurrent;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@Tag("no-preview-too")
class ScopeChoiceTest {
    private static final int FEATURE = Runtime.version().feature();

    @Test
    void releasesWithoutAnAdapterGetThePlainScope() {
        for (int feature : new int[] {22, 23, 24, 26, 27, 99}) {
            assertSame(ScopeChoice.PLAIN, ScopeChoice.choose(feature));
        }
    }

    @Test
    void adapterOfAnotherReleaseDoesNotLoadAndThePlainScopeTakesItsPlace() {
        int other = FEATURE == 21 ? 25 : 21;
        // Absent from this build, or present and compiled with another JDK's preview: both must be survived.
        var thrown = assertThrows(Throwable.class, () -> ScopeChoice.load(other));
        if (!(thrown instanceof ClassNotFoundException)) {
            assertInstanceOf(UnsupportedClassVersionError.class, thrown);
        }
        assertSame(ScopeChoice.PLAIN, ScopeChoice.choose(other));
    }

    @Test
    void adapterOfThisReleaseIsChosenWithPreviewAndThePlainScopeWithoutIt() {
        assumeTrue(FEATURE == 21 || FEATURE == 25, "JDK " + FEATURE + " has no adapter");
        String expected = PreviewFlag.isOn()
                ? "StructuredTaskScope (JEP " + (FEATURE == 21 ? 453 : 505) + ")"
                : "plain virtual threads";
        assertEquals(expected, TaskScope.implementation());
    }
}
