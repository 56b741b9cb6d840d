package io.forgeloom.testing.demo;

import io.forgeloom.error.ConfigurationException;
import io.forgeloom.error.ForgeException;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.sql.SQLException;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * The demo's command: {@code ./forge demo}. See {@link DemoOptions#USAGE}.
 *
 * <p>A signal interrupts the script, which closes everything on its way out; the JVM ends with 130 or 143 as soon as that
 * is done, or after some seconds without it, and then the watchdog of the test kit ends what is left.
 */
public final class Demo {

    private static final int BROKEN = 1;
    private static final int USAGE = 2;
    private static final long CLOSE_SECONDS = 10;

    private final PrintStream out;
    private final PrintStream err;

    private Demo(PrintStream out, PrintStream err) {
        this.out = out;
        this.err = err;
    }

    /** Runs the demo and ends the JVM with its exit code. */
    public static void main(String[] arguments) {
        // System.out flushes each part of a frame; this writes each as one.
        PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), false, System.out.charset());
        CountDownLatch closed = new CountDownLatch(1);
        Thread script = Thread.currentThread();
        Runtime.getRuntime()
                .addShutdownHook(
                        Thread.ofPlatform().name("forgeloom-demo-signal").unstarted(() -> stop(script, closed)));
        int code;
        try {
            code = new Demo(out, System.err).run(List.of(arguments));
        } finally {
            closed.countDown();
        }
        // After a signal this waits for the hook, and the signal decides the code.
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
                System.err.println("demo: not everything was closed within " + CLOSE_SECONDS + " s");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private int run(List<String> arguments) {
        DemoOptions options;
        try {
            options = DemoOptions.parse(arguments);
        } catch (DemoOptions.UsageException e) {
            err.println("demo: " + e.getMessage() + "\n\n" + DemoOptions.USAGE);
            return USAGE;
        }
        if (options.help()) {
            out.print(DemoOptions.USAGE);
            out.flush();
            return 0;
        }
        Terminal terminal = Terminal.detect(out.charset(), options.plain() || options.json());
        View view = terminal.live()
                ? new LiveView(out, terminal, "Forgeloom demo")
                : new PlainView(options.json() ? err : out);
        try {
            return run(options, terminal, view);
        } finally {
            if (terminal.live()) {
                out.print(LiveView.RESTORE);
                out.flush();
            }
        }
    }

    private int run(DemoOptions options, Terminal terminal, View view) {
        view.starting(options.url() == null ? "Starting PostgreSQL" : "Connecting", 0);
        long begun = System.nanoTime();
        try {
            Verdict verdict = new DemoRun(options, terminal, view).run();
            if (options.json()) {
                out.println(verdict.json((System.nanoTime() - begun) / 1e9));
                out.flush();
            }
            return verdict.exitCode();
        } catch (ConfigurationException e) {
            view.print(List.of("demo: " + e.getMessage()));
            return USAGE;
        } catch (InterruptedException e) {
            return stopped(view);
        } catch (ForgeException | IllegalStateException | SQLException e) {
            // An interrupt in the middle of an acquire or a start-up check comes as one of these.
            if (Thread.currentThread().isInterrupted()) {
                return stopped(view);
            }
            // The kit and the library say what is wrong and what to do; a stack would only hide it.
            view.print(List.of("demo: " + e.getMessage()));
            return BROKEN;
        }
    }

    private static int stopped(View view) {
        view.print(List.of("demo: stopped; everything is closed"));
        return BROKEN;
    }
}
