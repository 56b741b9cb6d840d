package io.forgeloom.testing;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Predicate;

/**
 * A second JVM on the class path of the tests, to be killed: for what only a real process shows. Safe for use by many
 * threads.
 *
 * <p>Both its outputs are collected, line by line; a test waits for what the process says instead of sleeping. It is
 * ended by {@link #close()}, and with this JVM at the latest.
 */
public final class TestProcess implements AutoCloseable {

    private static final Duration END_LIMIT = Duration.ofSeconds(30);

    private final String name;
    private final Process process;
    private final Thread reader;
    private final Thread errorReader;

    /** Guards the lines. */
    private final ReentrantLock lock = new ReentrantLock();

    private final Condition changed = lock.newCondition();
    private final List<String> lines = new ArrayList<>();
    private final List<String> errorLines = new ArrayList<>();
    private boolean outputEnded;

    private TestProcess(String name, Process process, int readLines) {
        this.name = name;
        this.process = process;
        reader = Thread.ofVirtual().name("test-process-out-" + process.pid()).start(() -> readOutput(readLines));
        errorReader =
                Thread.ofVirtual().name("test-process-err-" + process.pid()).start(this::readErrors);
    }

    /** Starts a main class with the JDK that runs the tests. */
    public static TestProcess start(Class<?> main, String... arguments) {
        return of(main).arguments(arguments).start();
    }

    /** Options first, then {@link Builder#start()}. */
    public static Builder of(Class<?> main) {
        return new Builder(main);
    }

    /** Process id. */
    public long pid() {
        return process.pid();
    }

    /** Whether it is there: also true while it is stopped. */
    public boolean running() {
        return process.isAlive();
    }

    /** What it wrote to standard output so far. */
    public List<String> lines() {
        return copy(lines);
    }

    /** What it wrote to standard error so far. */
    public List<String> errorLines() {
        return copy(errorLines);
    }

    /** Waits for a line of standard output, written before or after this call, and returns the first that fits. */
    public String awaitLine(Predicate<String> wanted, Duration timeout) throws InterruptedException {
        long left = timeout.toNanos();
        int seen = 0;
        lock.lock();
        try {
            while (true) {
                for (; seen < lines.size(); seen++) {
                    if (wanted.test(lines.get(seen))) {
                        return lines.get(seen);
                    }
                }
                if (outputEnded || left <= 0) {
                    throw new AssertionError(name + ": no such line "
                            + (outputEnded ? "before its output ended" : "after " + timeout.toMillis() + " ms")
                            + "; output:\n" + String.join("\n", lines) + "\nerrors:\n" + String.join("\n", errorLines));
                }
                left = changed.awaitNanos(left);
            }
        } finally {
            lock.unlock();
        }
    }

    /** Waits for its end and returns the exit code: 128 and the signal's number if a signal ended it. */
    public int awaitExit(Duration timeout) throws InterruptedException {
        if (!process.waitFor(timeout.toNanos(), TimeUnit.NANOSECONDS)) {
            throw new AssertionError(name + " still running after " + timeout.toMillis() + " ms; output:\n"
                    + String.join("\n", lines()) + "\nerrors:\n" + String.join("\n", errorLines()));
        }
        reader.join();
        errorReader.join();
        return process.exitValue();
    }

    /** Asks it to end: shutdown hooks run. */
    public void sigterm() throws InterruptedException {
        ProcessGuard.signal("TERM", List.of(pid()));
    }

    /**
     * Interrupts it, as Ctrl-C in a terminal does. Skips the test where no process of ours would notice: what a shell
     * starts in the background ignores that signal, and passes this on.
     */
    public void sigint() throws InterruptedException {
        Skips.unless(!ProcessGuard.isIgnored("INT"), "SIGINT is ignored here: start the tests in the foreground");
        ProcessGuard.signal("INT", List.of(pid()));
    }

    /** Ends it without a word, and waits until it is gone. */
    public void sigkill() throws InterruptedException {
        process.destroyForcibly();
        awaitExit(END_LIMIT);
    }

    /** Stops it where it is, as a long pause of a JVM or its machine would. */
    public void sigstop() throws InterruptedException {
        ProcessGuard.pause(List.of(pid()));
    }

    /** Lets it go on after {@link #sigstop()}. */
    public void sigcont() throws InterruptedException {
        ProcessGuard.resume(List.of(pid()));
    }

    /** Ends it with {@code SIGKILL} if it is still there, and waits for its readers. */
    @Override
    public void close() {
        process.destroyForcibly();
        try {
            awaitExit(END_LIMIT);
        } catch (InterruptedException e) {
            // It has its signal; only the wait for it is cut short.
            Thread.currentThread().interrupt();
        }
    }

    private List<String> copy(List<String> from) {
        lock.lock();
        try {
            return List.copyOf(from);
        } finally {
            lock.unlock();
        }
    }

    private void readOutput(int most) {
        read(process.inputReader(StandardCharsets.UTF_8), lines, most);
        lock.lock();
        try {
            outputEnded = true;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    private void readErrors() {
        read(process.errorReader(StandardCharsets.UTF_8), errorLines, Integer.MAX_VALUE);
    }

    private void read(BufferedReader from, List<String> to, int most) {
        try (from) {
            for (int i = 0; i < most; i++) {
                String line = from.readLine();
                if (line == null) {
                    return;
                }
                lock.lock();
                try {
                    to.add(line);
                    changed.signalAll();
                } finally {
                    lock.unlock();
                }
            }
        } catch (IOException e) {
            // The pipe went with the process.
        }
    }

    /** Options of a process. Confined to one thread. */
    public static final class Builder {
        private final Class<?> main;
        private final List<String> jvmOptions = new ArrayList<>();
        private final List<String> arguments = new ArrayList<>();
        private final Map<String, String> environment = new LinkedHashMap<>();
        private int readLines = Integer.MAX_VALUE;

        private Builder(Class<?> main) {
            this.main = main;
        }

        /** Adds options of the JVM, {@code --enable-preview} for one. Defaults to none. */
        public Builder jvmOptions(String... options) {
            jvmOptions.addAll(List.of(options));
            return this;
        }

        /** Adds arguments of the main class. Defaults to none. */
        public Builder arguments(String... values) {
            arguments.addAll(List.of(values));
            return this;
        }

        /** Sets a variable in its environment, which is otherwise ours. */
        public Builder environment(String name, String value) {
            environment.put(name, value);
            return this;
        }

        /** Closes its standard output after so many lines, as {@code head} does. Defaults to reading all. */
        public Builder readLines(int most) {
            readLines = most;
            return this;
        }

        /** Starts it. */
        public TestProcess start() {
            List<String> command = new ArrayList<>();
            command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
            command.addAll(jvmOptions);
            command.addAll(List.of("-cp", classPath(), main.getName()));
            command.addAll(arguments);
            ProcessBuilder process = new ProcessBuilder(command).redirectInput(new File("/dev/null"));
            process.environment().putAll(environment);
            return new TestProcess(main.getSimpleName(), ProcessGuard.start("KILL", process), readLines);
        }

        /**
         * Everything that this JVM sees, as a class path. Under Maven the library is on the module path and the tests
         * are patched into its module, so neither is in {@code java.class.path}.
         */
        private String classPath() {
            Set<String> path = new LinkedHashSet<>();
            path.add(root(main));
            path.add(root(TestProcess.class));
            for (String property : List.of("jdk.module.path", "java.class.path")) {
                String value = System.getProperty(property, "");
                path.addAll(List.of(value.split(File.pathSeparator)));
            }
            path.remove("");
            return String.join(File.pathSeparator, path);
        }

        private static String root(Class<?> type) {
            String file = type.getName().replace('.', '/') + ".class";
            URL url = type.getClassLoader().getResource(file);
            if (url == null || !url.getProtocol().equals("file")) {
                return "";
            }
            try {
                String path = Path.of(url.toURI()).toString();
                return path.substring(0, path.length() - file.length());
            } catch (URISyntaxException e) {
                throw new UncheckedIOException(new IOException(e));
            }
        }
    }
}
