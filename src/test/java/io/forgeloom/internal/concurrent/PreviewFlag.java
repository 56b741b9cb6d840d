package io.forgeloom.internal.concurrent;

import java.lang.management.ManagementFactory;

/** Whether this JVM was started with {@code --enable-preview}, asked of the JVM and not of the code under test. */
final class PreviewFlag {
    private PreviewFlag() {}

    static boolean isOn() {
        return ManagementFactory.getRuntimeMXBean().getInputArguments().contains("--enable-preview");
    }
}
