package io.forgeloom.testing;

import com.sun.management.HotSpotDiagnosticMXBean;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * Fails a test that leaves a thread of the product behind, one whose name starts with {@code forgeloom-}: register it
 * with {@code @ExtendWith(ThreadLeaks.class)}. Safe for use by many threads.
 *
 * <p>Virtual threads are in no thread group; the thread dump of the diagnostic bean has them all the same.
 */
public final class ThreadLeaks implements AfterEachCallback {

    private static final Pattern OURS = Pattern.compile("^#\\d+ \"forgeloom-");
    private static final Duration PATIENCE = Duration.ofSeconds(5);

    @Override
    public void afterEach(ExtensionContext context) throws InterruptedException {
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
            Path folder = Files.createTempDirectory("forgeloom-threads-");
            Path dump = folder.resolve("dump.txt");
            try {
                ManagementFactory.getPlatformMXBean(HotSpotDiagnosticMXBean.class)
                        .dumpThreads(dump.toString(), HotSpotDiagnosticMXBean.ThreadDumpFormat.TEXT_PLAIN);
                return Arrays.stream(Files.readString(dump).split("\n\\s*\n"))
                        .filter(thread -> OURS.matcher(thread).find())
                        .toList();
            } finally {
                FileTrees.delete(folder);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
