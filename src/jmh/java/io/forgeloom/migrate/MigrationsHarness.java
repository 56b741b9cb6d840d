package io.forgeloom.migrate;

import io.forgeloom.bench.report.Better;
import io.forgeloom.bench.report.Figures;
import io.forgeloom.bench.report.Spread;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The same files beside Flyway: {@code MigratorFlywayTest.sameFilesBesideFlyway}, whose figures it reads from what that prints.
 *
 * <pre>{@code
 * ./forge bench migrations
 * }</pre>
 */
public final class MigrationsHarness {

    private static final String SPREAD = "([0-9.e+]+) ms \\(([0-9.e+]+)\\.\\.([0-9.e+]+)\\)";
    private static final Pattern LINE = Pattern.compile("figure: (.*): ours " + SPREAD + ", Flyway " + SPREAD + ",.*");
    private static final int ROWS = 3;

    private MigrationsHarness() {}

    public static void main(String[] args) throws Exception {
        PrintStream console = System.out;
        ByteArrayOutputStream printed = new ByteArrayOutputStream();
        Path folder = Files.createTempDirectory("forgeloom-migrations");
        try {
            System.setOut(new PrintStream(printed, true, StandardCharsets.UTF_8));
            MigratorFlywayTest test = new MigratorFlywayTest();
            test.folder = folder;
            test.sameFilesBesideFlyway();
        } finally {
            System.setOut(console);
            console.print(printed.toString(StandardCharsets.UTF_8));
            delete(folder);
        }
        int rows = 0;
        for (String line : printed.toString(StandardCharsets.UTF_8).lines().toList()) {
            Matcher matcher = LINE.matcher(line);
            if (matcher.matches()) {
                rows++;
                Figures.row(matcher.group(1), "ms", Better.LESS)
                        .ours(spread(matcher, 2))
                        .peer("Flyway", spread(matcher, 5));
            }
        }
        if (rows != ROWS) {
            throw new IllegalStateException(rows + " figures of " + ROWS + " were printed");
        }
    }

    private static Spread spread(Matcher matcher, int group) {
        return new Spread(
                Double.parseDouble(matcher.group(group)),
                Double.parseDouble(matcher.group(group + 1)),
                Double.parseDouble(matcher.group(group + 2)));
    }

    private static void delete(Path folder) throws IOException {
        List<Path> all;
        try (Stream<Path> files = Files.walk(folder)) {
            all = files.sorted(Comparator.reverseOrder()).toList();
        }
        for (Path file : all) {
            Files.delete(file);
        }
    }
}
