package io.forgeloom.bench.report;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * Where a harness leaves its figures beside what it prints: a line of JSON each, at the end of the file that {@link BenchReport}
 * names to the process that it starts. Without such a name, nothing is written. Confined to one thread.
 */
public final class Figures {

    static final String FILE = "forgeloom.bench.figures";
    static final String SUITE = "forgeloom.bench.suite";
    static final String COMMAND = "forgeloom.bench.command";

    private Figures() {}

    /** A row of the suite's table: one question, and everybody's answer in one unit. */
    public static Row row(String name, String unit, Better better) {
        return new Row(name, unit, better);
    }

    /** See {@link #row}; each method writes one figure. */
    public static final class Row {

        private final String name;
        private final String unit;
        private final Better better;

        private Row(String name, String unit, Better better) {
            this.name = name;
            this.unit = unit;
            this.better = better;
        }

        public Row ours(Spread spread) {
            return ours(spread, Double.NaN);
        }

        /** With what it must not miss. */
        public Row ours(Spread spread, double bound) {
            return write(Figure.OWN, Role.OURS, spread, bound);
        }

        public Row peer(String peer, Spread spread) {
            return write(peer, Role.PEER, spread, Double.NaN);
        }

        public Row floor(String peer, Spread spread) {
            return write(peer, Role.FLOOR, spread, Double.NaN);
        }

        /** By the name that the pool has in the harnesses. */
        public Row named(String name, Spread spread) {
            String peer = PeerName.of(name);
            return write(peer, PeerName.role(peer), spread, Double.NaN);
        }

        private Row write(String peer, Role role, Spread spread, double bound) {
            String file = System.getProperty(FILE);
            if (file != null) {
                Figure figure = new Figure(
                        System.getProperty(SUITE, ""),
                        name,
                        peer,
                        role,
                        spread,
                        unit,
                        better,
                        bound,
                        System.getProperty(COMMAND, ""));
                append(Path.of(file), figure);
            }
            return this;
        }
    }

    static void append(Path file, Figure figure) {
        try {
            Files.writeString(
                    file,
                    JSON.std.asString(figure.toMap()) + "\n",
                    StandardOpenOption.CREATE,
                    StandardOpenOption.APPEND);
        } catch (IOException e) {
            throw new UncheckedIOException("the figure is lost: " + figure, e);
        }
    }
}
