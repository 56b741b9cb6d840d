package io.forgeloom.bench.report;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * Runs the suites, each in a process of its own, and makes the report of what they leave. What a suite has left is saved when it
 * ends, so that a run that is stopped keeps what it has; {@code --report-only} makes a report of it.
 *
 * <pre>{@code
 * ./forge bench                            # every suite in its long form, three quarters of an hour
 * ./forge bench --quick                    # a short form of each: for the look of it, not for its figures
 * ./forge bench --only fairness,leader     # these alone; the others keep the figures that they have
 * ./forge bench --report-only              # the report again, from the figures that there are
 * ./forge bench --check                    # whether the report is what the figures say; runs nothing
 * ./forge bench --list                     # the suites and their commands
 * }</pre>
 */
public final class BenchReport {

    private static final String USAGE =
            "bench [--quick] [--only suite,…] | --report-only | --check | --list; anything else goes to JMH";

    /** The longest takes a quarter of it. */
    private static final Duration DEADLINE = Duration.ofHours(1);

    private final Path root;
    private final boolean quick;
    private SavedFigures saved;
    private boolean failed;

    private BenchReport(Path root, boolean quick) throws IOException {
        this.root = root;
        this.quick = quick;
        this.saved = SavedFigures.read(root.resolve(Page.FIGURES));
    }

    /** Whether the first argument is one of ours, and not one of JMH's. */
    public static boolean knows(String argument) {
        return List.of("--quick", "--only", "--report-only", "--check", "--list")
                .contains(argument);
    }

    public static void main(String[] args) throws Exception {
        Path root = Path.of(System.getProperty("forgeloom.bench.root", "."));
        List<String> arguments = Arrays.asList(args);
        switch (arguments.isEmpty() ? "" : arguments.getFirst()) {
            case "--report-only" -> new BenchReport(root, false).report();
            case "--check" -> check(root);
            case "--list" ->
                Suite.ALL.forEach(suite -> System.out.printf("%-18s %s%n", suite.name(), suite.command(false)));
            default -> {
                BenchReport report = new BenchReport(root, arguments.contains("--quick"));
                for (Suite suite : chosen(arguments)) {
                    report.run(suite);
                }
                report.report();
                if (report.failed) {
                    System.exit(1);
                }
            }
        }
    }

    private static List<Suite> chosen(List<String> arguments) {
        List<Suite> chosen = Suite.ALL;
        for (int i = 0; i < arguments.size(); i++) {
            if (arguments.get(i).equals("--only") && i + 1 < arguments.size()) {
                List<String> names = List.of(arguments.get(++i).split(","));
                chosen = Suite.ALL.stream()
                        .filter(suite -> names.contains(suite.name()))
                        .toList();
                if (chosen.size() < names.size()) {
                    throw new IllegalArgumentException(names + ": the suites are "
                            + Suite.ALL.stream().map(Suite::name).toList());
                }
            } else if (!arguments.get(i).equals("--quick")) {
                throw new IllegalArgumentException(arguments.get(i) + " is unknown or lacks its value; " + USAGE);
            }
        }
        return chosen;
    }

    private static void check(Path root) throws IOException {
        List<String> findings = ReportCheck.run(root);
        findings.forEach(System.out::println);
        System.out.println(findings.isEmpty() ? "the report is what the figures say" : findings.size() + " findings");
        if (!findings.isEmpty()) {
            System.exit(1);
        }
    }

    private void report() throws IOException {
        Page.of(saved).write(root);
        List<Tables.Loss> losses = Tables.losses(saved);
        System.out.printf(
                "docs/benchmarks.md: %d suites, %d figures, %d rows that we lose%n",
                saved.runs().size(), saved.figures().size(), losses.size());
    }

    private void run(Suite suite) throws IOException, InterruptedException {
        Path folder = root.resolve("target").resolve("bench");
        Files.createDirectories(folder);
        Path figures = folder.resolve(suite.name() + ".jsonl");
        Path json = folder.resolve(suite.name() + ".json");
        Files.deleteIfExists(figures);
        Files.deleteIfExists(json);
        System.out.printf("%n==== %s: %s%n", suite.name(), suite.command(quick));
        long begun = System.nanoTime();
        int exit = await(suite, start(suite, figures, json));
        long seconds = TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - begun);
        List<Figure> left = new ArrayList<>();
        if (suite.jmh() && Files.exists(json)) {
            left.addAll(JmhFigures.read(json, suite.name(), suite.command(quick)));
        } else if (Files.exists(figures)) {
            for (String line : Files.readAllLines(figures)) {
                left.add(Figure.of(JSON.std.mapFrom(line)));
            }
        }
        System.out.printf("==== %s: %d figures in %d s, exit code %d%n", suite.name(), left.size(), seconds, exit);
        failed |= exit != 0 || left.isEmpty();
        if (left.isEmpty()) {
            return; // Whatever was there is better than nothing.
        }
        String date = LocalDate.now(ZoneOffset.UTC).toString();
        Run run = new Run(suite.name(), suite.command(quick), quick, date, seconds, exit, Environment.here());
        saved = saved.with(run, left);
        saved.write(root.resolve(Page.FIGURES));
    }

    private Process start(Suite suite, Path figures, Path json) throws IOException {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-preview",
                "-D" + Figures.FILE + "=" + figures,
                "-D" + Figures.SUITE + "=" + suite.name(),
                "-D" + Figures.COMMAND + "=" + suite.command(quick),
                "-cp",
                System.getProperty("java.class.path"),
                "io.forgeloom.bench.Bench"));
        command.addAll(suite.arguments(quick));
        if (suite.jmh()) {
            command.addAll(List.of("-rf", "json", "-rff", json.toString()));
        }
        ProcessBuilder builder = new ProcessBuilder(command).inheritIO();
        if (!suite.javaOptions().isEmpty()) {
            builder.environment().put("JDK_JAVA_OPTIONS", suite.javaOptions());
        }
        return builder.start();
    }

    /** However this ends, the process ends too, and whatever it has started. */
    private static int await(Suite suite, Process process) throws InterruptedException {
        Thread killer = new Thread(() -> end(process), "forgeloom-bench-end");
        Runtime.getRuntime().addShutdownHook(killer);
        try {
            if (!process.waitFor(DEADLINE.toSeconds(), TimeUnit.SECONDS)) {
                System.out.printf("%s has not ended in %d s%n", suite.name(), DEADLINE.toSeconds());
                end(process);
                return process.waitFor();
            }
            return process.exitValue();
        } finally {
            if (process.isAlive()) {
                end(process);
            }
            Runtime.getRuntime().removeShutdownHook(killer);
        }
    }

    private static void end(Process process) {
        // A fork of JMH is a descendant, and stops its embedded server when it is asked to end.
        process.descendants().forEach(ProcessHandle::destroy);
        process.destroy();
    }
}
