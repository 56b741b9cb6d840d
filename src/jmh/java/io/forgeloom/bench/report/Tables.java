package io.forgeloom.bench.report;

import java.math.BigDecimal;
import java.math.MathContext;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/** Figures as tables of Markdown: one for each suite, and the one of what we lose. */
final class Tables {

    private Tables() {}

    /** A million and more is told in millions; otherwise two or three digits, or all before the point. */
    static String number(double value) {
        double size = Math.abs(value);
        if (size >= 1e6) {
            return String.format(Locale.ROOT, size >= 1e7 ? "%,.0f M" : "%.2f M", value / 1e6);
        }
        if (size >= 99.95) {
            return String.format(Locale.ROOT, "%,.0f", value);
        }
        if (size >= 9.995) {
            return whole(value) ? String.format(Locale.ROOT, "%.0f", value) : String.format(Locale.ROOT, "%.1f", value);
        }
        if (whole(value)) {
            return String.format(Locale.ROOT, "%.0f", value);
        }
        if (Math.abs(size - 1) < 0.1) {
            return String.format(Locale.ROOT, "%.3f", value); // most often a quotient
        }
        return size < 0.1
                ? new BigDecimal(value).round(new MathContext(2)).toPlainString()
                : String.format(Locale.ROOT, "%.2f", value);
    }

    private static boolean whole(double value) {
        return value == Math.rint(value);
    }

    static String cell(Spread spread) {
        String value = number(spread.value());
        String low = number(spread.low());
        String high = number(spread.high());
        return low.equals(high) ? value : value + " (" + low + ".." + high + ")";
    }

    /** The rows of a suite, in the order in which they were measured. */
    static Map<String, List<Figure>> rows(List<Figure> figures) {
        Map<String, List<Figure>> rows = new LinkedHashMap<>();
        for (Figure figure : figures) {
            rows.computeIfAbsent(figure.row() + "\n" + figure.unit(), key -> new ArrayList<>())
                    .add(figure);
        }
        return rows;
    }

    /** Ours, then the peers, then the floors, each in the order of its first figure. */
    static Set<String> peers(List<Figure> figures) {
        return figures.stream()
                .sorted(Comparator.comparing(Figure::role))
                .map(Figure::peer)
                .collect(Collectors.toCollection(LinkedHashSet::new));
    }

    /** One line a row, one column for each of those compared; bold is who wins, the floor aside. */
    static String suite(List<Figure> figures) {
        Set<String> peers = peers(figures);
        boolean bounds = figures.stream().anyMatch(figure -> !Double.isNaN(figure.bound()));
        StringBuilder table = new StringBuilder("| | unit | better | " + String.join(" | ", peers) + " |");
        table.append(bounds ? " bound |\n" : "\n");
        table.append("|---".repeat(3 + peers.size() + (bounds ? 1 : 0))).append("|\n");
        for (List<Figure> row : rows(figures).values()) {
            Figure first = row.getFirst();
            table.append("| " + first.row() + " | " + first.unit() + " | " + better(first.better()) + " |");
            for (String peer : peers) {
                String cell = row.stream()
                        .filter(figure -> figure.peer().equals(peer))
                        .findFirst()
                        .map(figure -> wins(figure, row) ? "**" + cell(figure.spread()) + "**" : cell(figure.spread()))
                        .orElse("");
                table.append(' ').append(cell).append(" |");
            }
            if (bounds) {
                String bound = row.stream()
                        .filter(figure -> !Double.isNaN(figure.bound()))
                        .map(figure -> number(figure.bound()))
                        .collect(Collectors.joining(", "));
                table.append(' ').append(bound).append(" |");
            }
            table.append('\n');
        }
        return table.toString();
    }

    private static String better(Better better) {
        return better == Better.NEITHER ? "" : better.name().toLowerCase(Locale.ROOT);
    }

    private static boolean wins(Figure figure, List<Figure> row) {
        List<Figure> others = row.stream()
                .filter(other -> other != figure && other.role() != Role.FLOOR)
                .toList();
        return figure.role() != Role.FLOOR
                && figure.better() != Better.NEITHER
                && !others.isEmpty()
                && others.stream().allMatch(other -> figure.better().factor(figure.value(), other.value()) < 1);
    }

    /** A row in which a peer or the bound is better than ours; {@code factor} is by how many times. */
    record Loss(Suite suite, Figure ours, String winner, Spread theirs, double factor) {

        boolean withinSpread() {
            return ours.spread().overlaps(theirs);
        }
    }

    /** All of them, the worst first. */
    static List<Loss> losses(SavedFigures saved) {
        List<Loss> losses = new ArrayList<>();
        for (Suite suite : Suite.ALL) {
            for (List<Figure> row : rows(saved.of(suite)).values()) {
                for (Figure ours : row) {
                    if (ours.role() == Role.OURS) {
                        row.stream()
                                .filter(figure -> figure.role() == Role.PEER)
                                .forEach(peer -> lose(losses, suite, ours, peer.peer(), peer.spread()));
                        if (!Double.isNaN(ours.bound())) {
                            lose(losses, suite, ours, "the bound", Spread.exactly(ours.bound()));
                        }
                    }
                }
            }
        }
        losses.sort(Comparator.comparingDouble(Loss::factor).reversed());
        return losses;
    }

    private static void lose(List<Loss> losses, Suite suite, Figure ours, String winner, Spread theirs) {
        double factor = ours.better().factor(ours.value(), theirs.value());
        if (factor > 1) {
            losses.add(new Loss(suite, ours, winner, theirs, factor));
        }
    }

    static String losses(List<Loss> losses) {
        if (losses.isEmpty()) {
            return "Nothing in these figures.\n";
        }
        StringBuilder table =
                new StringBuilder("| what | unit | forgeloom | better | | by | |\n|---|---|---|---|---|---|---|\n");
        for (Loss loss : losses) {
            Figure ours = loss.ours();
            table.append(
                    "| [" + loss.suite().name() + "](#suite-" + loss.suite().name() + "): " + ours.row());
            table.append(" | " + ours.unit() + ", " + better(ours.better()) + " is better | " + cell(ours.spread()));
            table.append(" | " + loss.winner() + " | " + cell(loss.theirs()) + " | ");
            table.append(Double.isInfinite(loss.factor()) ? "theirs is 0" : factor(loss.factor()) + " ×");
            table.append(loss.withinSpread() ? " | within the spread |\n" : " | |\n");
        }
        return table.toString();
    }

    private static String factor(double factor) {
        return factor < 1.1 ? String.format(Locale.ROOT, "%.3f", factor) : number(factor);
    }
}
