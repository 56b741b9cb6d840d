package io.forgeloom.bench.report;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * The generated part of {@code docs/benchmarks.md}, between its two markers, and the plots beside it; nothing of either comes from
 * elsewhere than the saved figures.
 */
record Page(String text, Map<String, String> plots) {

    private static final String BEGIN = "<!-- report -->";
    private static final String END = "<!-- /report -->";
    private static final String FOLDER = "benchmarks";

    static final String FIGURES = "docs/" + FOLDER + "/figures.jsonl";

    static Page of(SavedFigures saved) throws IOException {
        Map<String, String> plots = new LinkedHashMap<>();
        StringBuilder text = new StringBuilder();
        text.append("## The report\n\n")
                .append("Written by `./forge bench`, from [figures](" + FOLDER + "/figures.jsonl) that `./forge bench"
                        + " --report-only` reads again.\nIn brackets the spread; bold is who is best, the floor aside: it does"
                        + " less than the work.\n\n");
        if (saved.runs().stream().anyMatch(Run::quick)) {
            text.append("**Short forms** show how the report looks; do not trust their figures.\n\n");
        }
        environments(saved, text);
        text.append("### What we lose, by the figures\n\n")
                .append("Every row in which a peer or the bound is better than ours.\n\n")
                .append(Tables.losses(Tables.losses(saved)))
                .append("\n### The numbers of the README\n\n")
                .append("\"differs\": by more than a tenth, and the spread does not reach it.\n\n")
                .append(ReadmeFigures.table(saved));
        for (Suite suite : Suite.ALL) {
            Run run = saved.run(suite).orElse(null);
            if (run != null) {
                Map<String, String> own = Plots.of(suite, saved.of(suite));
                plots.putAll(own);
                section(suite, run, saved.of(suite), own, text);
            }
        }
        return new Page(text.toString(), plots);
    }

    private static void section(
            Suite suite, Run run, List<Figure> figures, Map<String, String> plots, StringBuilder text) {
        text.append("\n### Suite " + suite.name() + "\n\n" + suite.title() + ". `" + run.command() + "`, " + run.date()
                + ", " + run.seconds() + " s");
        if (run.quick()) {
            text.append(", **the short form**");
        }
        if (run.exit() != 0) {
            text.append(", **ended with exit code " + run.exit() + "**");
        }
        text.append(". Figures: " + suite.spread() + ".\n\n");
        if (!figures.isEmpty()) {
            text.append(Tables.suite(figures));
        }
        plots.keySet().forEach(plot -> text.append("\n![" + suite.title() + "](" + FOLDER + "/" + plot + ")\n"));
    }

    /** One table if all ran on the same, as they should; otherwise one for each machine and set of versions. */
    private static void environments(SavedFigures saved, StringBuilder text) {
        Map<Map<String, String>, List<String>> all = new LinkedHashMap<>();
        for (Suite suite : Suite.ALL) {
            saved.run(suite)
                    .ifPresent(run -> all.computeIfAbsent(run.on(), key -> new ArrayList<>())
                            .add(suite.name()));
        }
        all.forEach((on, suites) -> {
            if (all.size() > 1) {
                text.append("Of " + String.join(", ", suites) + ":\n\n");
            }
            text.append("| " + String.join(" | ", on.keySet()) + " |\n");
            text.append("|---".repeat(on.size())).append("|\n");
            text.append(on.values().stream().collect(Collectors.joining(" | ", "| ", " |\n\n")));
        });
    }

    /** Puts the text between the markers of the document, and the plots in the place of those that were there. */
    void write(Path root) throws IOException {
        Path document = document(root);
        Files.writeString(document, spliced(Files.readString(document)));
        Path folder = document.resolveSibling(FOLDER);
        Files.createDirectories(folder);
        try (DirectoryStream<Path> old = Files.newDirectoryStream(folder, "*.svg")) {
            for (Path plot : old) {
                Files.delete(plot);
            }
        }
        for (Map.Entry<String, String> plot : plots.entrySet()) {
            Files.writeString(folder.resolve(plot.getKey()), plot.getValue());
        }
    }

    static Path document(Path root) {
        return root.resolve("docs").resolve("benchmarks.md");
    }

    String spliced(String document) {
        int begin = document.indexOf(BEGIN);
        int end = document.indexOf(END);
        if (begin < 0 || end < begin) {
            throw new IllegalStateException("docs/benchmarks.md lacks " + BEGIN + " or " + END);
        }
        return document.substring(0, begin + BEGIN.length()) + "\n\n" + text + "\n" + document.substring(end);
    }
}
