package io.forgeloom.bench.report;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * Whether the report says what the figures say: on figures made up for it, whose tables, losses and plots must move with them; on those
 * saved, from which the document must be what it is; and on the README, which must say what {@link ReadmeFigures} lists.
 */
final class ReportCheck {

    private final List<String> findings = new ArrayList<>();

    private ReportCheck() {}

    /** What is wrong; empty if nothing is. */
    static List<String> run(Path root) throws IOException {
        ReportCheck check = new ReportCheck();
        check.tellsWhoIsBetter();
        check.movesWithTheFigures();
        check.losesWhatMissesItsBound();
        check.documentIsOfTheFigures(root);
        check.findings.addAll(ReadmeFigures.missing(Files.readString(root.resolve("README.md"))));
        check.everyReadmeFigureHasItsSuite();
        return List.copyOf(check.findings);
    }

    private void expect(boolean condition, String finding) {
        if (!condition) {
            findings.add(finding);
        }
    }

    private static final Suite SUITE = Suite.ALL.getFirst();

    private static Figure figure(String peer, Role role, double value, Better better, double bound) {
        return new Figure(
                SUITE.name(), "row", peer, role, new Spread(value, value * 0.9, value * 1.1), "ms", better, bound, "");
    }

    private static SavedFigures saved(double ours, double theirs, Better better, double bound) {
        Run run = new Run(SUITE.name(), SUITE.command(false), false, "2026-01-01", 1, 0, Map.of("JDK", "25"));
        return new SavedFigures(
                List.of(run),
                List.of(
                        figure(Figure.OWN, Role.OURS, ours, better, bound),
                        figure("peer", Role.PEER, theirs, better, Double.NaN),
                        figure("floor", Role.FLOOR, 10, better, Double.NaN)));
    }

    private void tellsWhoIsBetter() throws IOException {
        for (Better better : Better.values()) {
            boolean lost = !Tables.losses(saved(20, 40, better, Double.NaN)).isEmpty();
            expect(lost == (better == Better.MORE), "20 beside 40 where " + better + " is better: lost " + lost);
            boolean won = Tables.losses(saved(40, 20, better, Double.NaN)).isEmpty();
            expect(won == (better != Better.LESS), "40 beside 20 where " + better + " is better: won " + won);
        }
        String text = Page.of(saved(40, 20, Better.LESS, Double.NaN)).text();
        expect(text.contains("| peer | 20 (18..22) | 2 × |"), "the loss is not in the report:\n" + text);
        expect(
                text.contains("40 (36..44) | **20 (18..22)** | 10 ("),
                "the table lacks a figure or its winner:\n" + text);
        // As far as one tenth each way reaches, nobody knows.
        expect(
                Page.of(saved(21, 20, Better.LESS, Double.NaN)).text().contains("within the spread"),
                "a loss within the spread is not called so");
    }

    private void movesWithTheFigures() throws IOException {
        Page one = Page.of(saved(40, 20, Better.LESS, Double.NaN));
        Page again = Page.of(saved(40, 20, Better.LESS, Double.NaN));
        Page other = Page.of(saved(40, 2_000, Better.LESS, Double.NaN));
        expect(one.equals(again), "the same figures gave two reports");
        expect(one.plots().size() == 1, "plots of one unit: " + one.plots().keySet());
        expect(!one.plots().equals(other.plots()), "the plot does not move with its figure");
        String plot = other.plots().values().iterator().next();
        expect(plot.contains(">2,000"), "the plot does not show its figure");
        List<Double> bars = bars(one.plots().values().iterator().next());
        expect(bars.size() == 3 && Math.abs(bars.get(0) / bars.get(1) - 2) < 0.01, "40 and 20 are bars of " + bars);
        expect(plot.contains("(logarithmic)"), "decades on a plain axis");
        expect(plot.contains("less is better"), "the plot does not say what is better");
    }

    /** How long the outlines of the bars are, from the top to the bottom. */
    private static List<Double> bars(String svg) {
        return Pattern.compile("<rect [^>]*fill:none;[^>]*width=\"([0-9.]+)\"")
                .matcher(svg)
                .results()
                .map(match -> Double.valueOf(match.group(1)))
                .toList();
    }

    private void losesWhatMissesItsBound() throws IOException {
        expect(Tables.losses(saved(40, 50, Better.LESS, 40)).isEmpty(), "a bound that is kept counts as missed");
        List<Tables.Loss> losses = Tables.losses(saved(41, 50, Better.LESS, 40));
        expect(losses.size() == 1 && losses.getFirst().winner().equals("the bound"), "a missed bound: " + losses);
    }

    private void documentIsOfTheFigures(Path root) throws IOException {
        Page page = Page.of(SavedFigures.read(root.resolve(Page.FIGURES)));
        String document = Files.readString(Page.document(root));
        expect(page.spliced(document).equals(document), "docs/benchmarks.md is not what its figures give");
        for (Map.Entry<String, String> plot : page.plots().entrySet()) {
            Path file = Page.document(root).resolveSibling("benchmarks").resolve(plot.getKey());
            expect(Files.exists(file), file.getFileName() + " is missing");
        }
    }

    private void everyReadmeFigureHasItsSuite() {
        for (ReadmeFigures.Claim claim : ReadmeFigures.ALL) {
            expect(Suite.ALL.stream().anyMatch(suite -> suite.name().equals(claim.suite())), claim + " has no suite");
        }
    }
}
