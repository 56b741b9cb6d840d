package io.forgeloom.internal.concurrent;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.junit.jupiter.api.BeforeAll;

class StructuredScope21Test extends TaskScopeContract {
    @BeforeAll
    static void needsItsOwnJdkWithPreview() {
        int feature = Runtime.version().feature();
        assumeTrue(feature == 21, "StructuredScope21 runs on JDK 21 only; this is JDK " + feature);
        assumeTrue(PreviewFlag.isOn(), "StructuredScope21 needs --enable-preview");
    }

    @Override
    ScopeThreads.Opener opener() throws ReflectiveOperationException {
        return ScopeChoice.load(21);
    }
}
