package io.forgeloom.architecture;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The guards that {@code src/it/check-guards.sh} removes are there, and docs/chaos.md names what exists. */
class GuardsTest {

    private static final Path GUARDS = Repository.ROOT.resolve("src/it/guards");
    private static final Path TESTS = Repository.ROOT.resolve("src/test/java");
    private static final Pattern CLASS = Pattern.compile("`([A-Z]\\w*(?:Checker|Test|IT))`");

    @Test
    void eachPatchFindsTheLinesThatItChanges() throws IOException {
        List<Path> patches = files(GUARDS, ".patch");
        assertTrue(patches.size() >= 5, patches::toString);
        for (Path patch : patches) {
            List<String> lines = Files.readAllLines(patch);
            String target = lines.stream()
                    .filter(line -> line.startsWith("--- a/"))
                    .map(line -> line.substring(6))
                    .findFirst()
                    .orElseThrow();
            String source = Files.readString(Repository.ROOT.resolve(target));
            List<String> hunks = before(lines);
            assertFalse(hunks.isEmpty(), patch::toString);
            for (String hunk : hunks) {
                assertTrue(source.contains(hunk), () -> patch.getFileName() + " does not apply any more:\n" + hunk);
            }
        }
    }

    /** What each hunk expects to find. */
    private static List<String> before(List<String> patch) {
        List<String> hunks = new ArrayList<>();
        StringBuilder hunk = null;
        for (String line : patch) {
            if (line.startsWith("@@")) {
                if (hunk != null) {
                    hunks.add(hunk.toString());
                }
                hunk = new StringBuilder();
            } else if (hunk != null && !line.startsWith("+")) {
                hunk.append(line.isEmpty() ? "" : line.substring(1)).append('\n');
            }
        }
        if (hunk != null) {
            hunks.add(hunk.toString());
        }
        return hunks;
    }

    @Test
    void theLinesOfAPatchAreThoseBeforeIt() {
        List<String> patch =
                List.of("--- a/x", "+++ b/x", "@@ -1,2 +1,2 @@", " same", "-old", "+new", "@@ -9 +9 @@", " end");
        assertEquals(List.of("same\nold\n", "end\n"), before(patch));
    }

    @Test
    void theTableOfPromisesHasEveryCheckerAndNamesClassesThatExist() throws IOException {
        Set<String> named = new TreeSet<>();
        Matcher matcher = CLASS.matcher(Files.readString(Repository.ROOT.resolve("docs/chaos.md")));
        while (matcher.find()) {
            named.add(matcher.group(1));
        }
        Set<String> known = files(TESTS, ".java").stream()
                .map(file -> file.getFileName().toString().replace(".java", ""))
                .collect(Collectors.toCollection(TreeSet::new));
        Set<String> checkers = known.stream()
                .filter(name -> name.endsWith("Checker") && !name.equals("Checker"))
                .collect(Collectors.toCollection(TreeSet::new));
        assertTrue(named.containsAll(checkers), () -> "not in docs/chaos.md: " + minus(checkers, named));
        assertTrue(known.containsAll(named), () -> "no such class: " + minus(named, known));
    }

    private static Set<String> minus(Set<String> from, Set<String> what) {
        Set<String> rest = new TreeSet<>(from);
        rest.removeAll(what);
        return rest;
    }

    private static List<Path> files(Path folder, String ending) throws IOException {
        try (Stream<Path> files = Files.walk(folder)) {
            return files.filter(file -> file.toString().endsWith(ending)).toList();
        }
    }
}
