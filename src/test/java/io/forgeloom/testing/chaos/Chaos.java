package io.forgeloom.testing.chaos;

import io.forgeloom.error.ForgeException;
import java.io.IOException;
import java.io.PrintStream;
import java.sql.SQLException;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * The command {@code ./forge chaos}. See {@link ChaosOptions#USAGE}.
 *
 * <p>A signal interrupts the script, which ends everything on its way out; the JVM ends with 130 or 143 then, and the watchdog
 * of the test kit ends what is left.
 */
public final class Chaos {

    private static final int BROKEN = 1;
    private static final int USAGE = 2;
    private static final long CLOSE_SECONDS = 15;

    private Chaos() {}

    /** Runs it and ends the JVM with its exit code. */
    public static void main(String[] arguments) {
        CountDownLatch closed = new CountDownLatch(1);
        Thread script = Thread.currentThread();
        Runtime.getRuntime()
                .addShutdownHook(
                        Thread.ofPlatform().name("forgeloom-chaos-signal").unstarted(() -> stop(script, closed)));
        int code;
        try {
            code = run(List.of(arguments));
        } finally {
            closed.countDown();
        }
        System.exit(code);
    }

    /** The shutdown hook: nothing to do if the script is through. */
    private static void stop(Thread script, CountDownLatch closed) {
        if (closed.getCount() == 0) {
            return;
        }
        script.interrupt();
        try {
            if (!closed.await(CLOSE_SECONDS, TimeUnit.SECONDS)) {
                System.err.println("chaos: not everything was closed within " + CLOSE_SECONDS + " s");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static int run(List<String> arguments) {
        ChaosOptions options;
        try {
            options = ChaosOptions.parse(arguments);
        } catch (ChaosOptions.UsageException e) {
            System.err.println("chaos: " + e.getMessage() + "\n\n" + ChaosOptions.USAGE);
            return USAGE;
        }
        if (options.help()) {
            System.out.print(ChaosOptions.USAGE);
            return 0;
        }
        PrintStream progress = options.json() ? System.err : System.out;
        try {
            Report report = new ChaosRun(options, progress).run();
            report.print(progress);
            System.out.println(options.json() ? report.json() : report.verdict());
            return report.passed() ? 0 : BROKEN;
        } catch (InterruptedException e) {
            System.err.println("chaos: stopped; everything is closed");
            return BROKEN;
        } catch (SQLException | IOException | ForgeException | IllegalStateException | AssertionError e) {
            if (Thread.currentThread().isInterrupted()) {
                System.err.println("chaos: stopped; everything is closed");
                return BROKEN;
            }
            e.printStackTrace(progress);
            String what = "the run itself broke: " + Line.sentence(e.toString());
            System.out.println(options.json() ? Report.broken(what) : "chaos: FAIL " + what);
            return BROKEN;
        }
    }
}
