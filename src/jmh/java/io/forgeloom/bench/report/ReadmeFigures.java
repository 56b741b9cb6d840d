package io.forgeloom.bench.report;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * The numbers of the README: how each stands there, and which figure of the report it is. A number without an entry has no
 * command that reproduces it, so whoever writes one there writes one here.
 */
final class ReadmeFigures {

    /** {@code text} stands in the README and means {@code value}; {@code over} is empty, or whose figure ours is divided by. */
    record Claim(String text, double value, String suite, String row, String peer, String over) {}

    private static final String HIKARI = "HikariCP";
    private static final String SUBMISSION = "SubmissionPublisher";

    static final List<Claim> ALL = List.of(
            crowd("| 42,557 |", 42_557, "throughput", Figure.OWN),
            crowd("| 42,236 |", 42_236, "throughput", HIKARI),
            crowd("| 42,777 |", 42_777, "throughput", "Agroal"),
            crowd("| 127..128 |", 127, "operations of one thread, least", Figure.OWN),
            crowd("| 127..128 |", 128, "operations of one thread, most", Figure.OWN),
            crowd("| 0..1,645 |", 0, "operations of one thread, least", HIKARI),
            crowd("| 0..1,645 |", 1_645, "operations of one thread, most", HIKARI),
            crowd("| 0..768 |", 0, "operations of one thread, least", "Agroal"),
            crowd("| 0..768 |", 768, "operations of one thread, most", "Agroal"),
            crowd("ideal 47 ms", 47, "ideal wait", Figure.OWN),
            crowd("| 68 ms |", 67.5, "longest wait", Figure.OWN),
            crowd("| 6.0 s, the whole run |", 6_000, "longest wait", HIKARI),
            crowd("| 6.0 s, the whole run |", 6_000, "longest wait", "Agroal"),
            crowd("| 16.6 |", 16.6, "CPU of an operation", Figure.OWN),
            crowd("| 16.9 |", 16.9, "CPU of an operation", HIKARI),
            crowd("| 14.4 |", 14.4, "CPU of an operation", "Agroal"),
            alone("93 ± 15 ns", 92.5, Figure.OWN),
            alone("132 ± 5", 132, HIKARI),
            alone("Agroal 58 ± 17", 57.9, "Agroal"),
            of("1 to 2 % of", 0.986, "paired", "SELECT 1, speed", Figure.OWN),
            new Claim("10 % of throughput", 0.90, "fairness-platform", "throughput", Figure.OWN, HIKARI),
            fanOut("| 136 | 20 | 6 | 42 |", 136, 10, Figure.OWN),
            fanOut("| 136 | 20 | 6 | 42 |", 20, 10, SUBMISSION),
            fanOut("| 136 | 20 | 6 | 42 |", 6.4, 10, "Disruptor"),
            fanOut("| 136 | 20 | 6 | 42 |", 42, 10, "a queue each"),
            fanOut("| 225 | 45 | 6 | 63 |", 225, 1_000, Figure.OWN),
            fanOut("| 225 | 45 | 6 | 63 |", 45, 1_000, SUBMISSION + ", common pool"),
            fanOut("| 225 | 45 | 6 | 63 |", 5.8, 1_000, "Disruptor"),
            fanOut("| 225 | 45 | 6 | 63 |", 63, 1_000, "a queue each"),
            of("0.36 × a bare PgJDBC loop", 0.36, "notify", "idle, p50 of a turn", Figure.OWN),
            of("`publishSoon`: 0.90 ×", 0.90, "notify-writers", "throughput, other payloads", Figure.OWN),
            of("0.34 × with", 0.34, "notify-writers", "throughput, other payloads", "NOTIFY in the transaction"),
            of("for 123 ms in the median", 123, "leader", "kill -9, p50", Figure.OWN),
            of("341 ms at most of 200", 341, "leader", "kill -9, longest", Figure.OWN),
            of("7 ms after a resignation", 7, "leader", "resign, p50", Figure.OWN),
            of("3.2 s at most", 3_208, "leader", "blackhole, longest", Figure.OWN));

    private ReadmeFigures() {}

    private static Claim of(String text, double value, String suite, String row, String peer) {
        return new Claim(text, value, suite, row, peer, "");
    }

    private static Claim crowd(String text, double value, String row, String peer) {
        return of(text, value, "fairness", row, peer);
    }

    private static Claim alone(String text, double value, String peer) {
        return of(text, value, "alone", "acquire and release", peer);
    }

    private static Claim fanOut(String text, double millions, int subscribers, String peer) {
        return of(text, millions * 1e6, "fan-out", "deliver, subscribers " + subscribers, peer);
    }

    /** What is in the README no more. */
    static List<String> missing(String readme) {
        String flat = readme.replaceAll("\\s+", " ");
        List<String> missing = new ArrayList<>();
        for (Claim claim : ALL) {
            if (!flat.contains(claim.text())) {
                missing.add("the README does not say \"" + claim.text() + "\"");
            }
        }
        return missing;
    }

    /** Each with its suite, what was measured last, and whether it differs: by a tenth, and the spread does not reach it. */
    static String table(SavedFigures saved) {
        StringBuilder table = new StringBuilder(
                "| in the README | suite: row | whose | there | here | |\n|---|---|---|---|---|---|\n");
        for (Claim claim : ALL) {
            table.append("| `" + claim.text().replace("|", "").strip().replace("`", "") + "` | [" + claim.suite()
                    + "](#suite-" + claim.suite() + "): " + claim.row() + " | " + claim.peer()
                    + (claim.over().isEmpty() ? "" : " ÷ " + claim.over()) + " | " + Tables.number(claim.value())
                    + " | ");
            Spread here = measured(claim, saved);
            table.append(
                    here == null ? "not measured | |\n" : Tables.cell(here) + " | " + verdict(claim, here) + " |\n");
        }
        return table.toString();
    }

    private static Spread measured(Claim claim, SavedFigures saved) {
        Figure figure = saved.figure(claim.suite(), claim.row(), claim.peer()).orElse(null);
        if (figure == null || claim.over().isEmpty()) {
            return figure == null ? null : figure.spread();
        }
        return saved.figure(claim.suite(), claim.row(), claim.over())
                .map(over -> new Spread(
                        figure.value() / over.value(),
                        figure.spread().low() / over.spread().high(),
                        figure.spread().high() / over.spread().low()))
                .orElse(null);
    }

    private static String verdict(Claim claim, Spread here) {
        boolean near = Math.abs(here.value() - claim.value()) <= Math.abs(claim.value()) / 10;
        if (near || (here.low() <= claim.value() && claim.value() <= here.high())) {
            return "";
        }
        return claim.value() == 0
                ? "**differs**"
                : String.format(Locale.ROOT, "**differs**, %.2f ×", here.value() / claim.value());
    }
}
