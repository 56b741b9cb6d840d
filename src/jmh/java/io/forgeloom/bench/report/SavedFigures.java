package io.forgeloom.bench.report;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The last run of each suite with its figures; in a file a line of JSON each, in the order of {@link Suite#ALL}. */
record SavedFigures(List<Run> runs, List<Figure> figures) {

    static SavedFigures read(Path file) throws IOException {
        List<Run> runs = new ArrayList<>();
        List<Figure> figures = new ArrayList<>();
        if (Files.exists(file)) {
            for (String line : Files.readAllLines(file)) {
                Map<String, Object> map = JSON.std.mapFrom(line);
                if (Run.is(map)) {
                    runs.add(Run.of(map));
                } else {
                    figures.add(Figure.of(map));
                }
            }
        }
        return new SavedFigures(List.copyOf(runs), List.copyOf(figures));
    }

    /** Puts a run in the place of the one before. */
    SavedFigures with(Run run, List<Figure> its) {
        List<Run> newRuns = new ArrayList<>(runs);
        newRuns.removeIf(old -> old.suite().equals(run.suite()));
        newRuns.add(run);
        List<Figure> newFigures = new ArrayList<>(figures);
        newFigures.removeIf(old -> old.suite().equals(run.suite()));
        newFigures.addAll(its);
        return new SavedFigures(List.copyOf(newRuns), List.copyOf(newFigures));
    }

    /** At once or not at all: whoever is stopped here has what was there before. */
    void write(Path file) throws IOException {
        StringBuilder text = new StringBuilder();
        for (Suite suite : Suite.ALL) {
            Optional<Run> run = run(suite);
            if (run.isPresent()) {
                text.append(JSON.std.asString(run.get().toMap())).append('\n');
                for (Figure figure : of(suite)) {
                    text.append(JSON.std.asString(figure.toMap())).append('\n');
                }
            }
        }
        Files.createDirectories(file.toAbsolutePath().getParent());
        Path whole = file.resolveSibling(file.getFileName() + ".new");
        Files.writeString(whole, text);
        Files.move(whole, file, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
    }

    Optional<Run> run(Suite suite) {
        return runs.stream().filter(run -> run.suite().equals(suite.name())).findFirst();
    }

    List<Figure> of(Suite suite) {
        return figures.stream()
                .filter(figure -> figure.suite().equals(suite.name()))
                .toList();
    }

    Optional<Figure> figure(String suite, String row, String peer) {
        return figures.stream()
                .filter(figure -> figure.suite().equals(suite)
                        && figure.row().equals(row)
                        && figure.peer().equals(peer))
                .findFirst();
    }
}
