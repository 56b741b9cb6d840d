package io.forgeloom.internal.concurrent;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.junit.jupiter.api.BeforeAll;

class StructuredScope25Test extends TaskScopeContract {
    @BeforeAll
    static void needsItsOwnJdkWithPreview() {
        int feature = Runtime.version().feature();
        assumeTrue(feature == 25, "StructuredScope25 runs on JDK 25 only; this is JDK " + feature);
        assumeTrue(PreviewFlag.isOn(), "StructuredScope25 needs --enable-preview");
    }

    @Override
    ScopeThreads.Opener opener() throws ReflectiveOperationException {
        return ScopeChoice.load(25);
    }
}
