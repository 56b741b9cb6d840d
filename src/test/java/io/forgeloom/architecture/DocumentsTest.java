package io.forgeloom.architecture;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The documents say what the code does, point at what exists, and stay short. */
class DocumentsTest {
    private static final Path EXAMPLES = Repository.ROOT.resolve("src/examples/java");

    /** In a test's own text, so that this file does not hold what it forbids. */
    private static final String SLASH = "/";

    @ParameterizedTest
    @CsvSource({"README.md, 200", "ARCHITECTURE.md, 300"})
    void documentStaysShort(String name, int most) throws IOException {
        long lines = Files.readString(Repository.ROOT.resolve(name)).lines().count();
        assertTrue(lines <= most, () -> name + " has " + lines + " lines, but may have " + most);
    }

    @Test
    void javaInTheDocumentsIsARegionOfACompiledExample() throws IOException {
        Map<String, String> regions = new HashMap<>();
        for (Path file : filesBelow(EXAMPLES)) {
            Documents.regions(Files.readString(file))
                    .forEach((name, text) -> regions.put(text, file.getFileName() + "#" + name));
        }
        List<String> strangers = new ArrayList<>();
        List<Path> documents = new ArrayList<>(filesBelow(Repository.ROOT.resolve("docs")));
        documents.add(Repository.ROOT.resolve("README.md"));
        documents.add(Repository.ROOT.resolve("MODULE-INFO.md"));
        for (Path document : documents) {
            for (String fence : Documents.javaFences(Files.readString(document))) {
                if (!regions.containsKey(fence)) {
                    strangers.add(Repository.ROOT.relativize(document) + ":\n" + fence);
                }
            }
        }
        assertEquals(List.of(), strangers, () -> "equal to none of the regions " + regions.values());
    }

    /** What documents quote is not only compiled: a test of the examples uses the class. */
    @Test
    void everyExampleIsRunByATest() throws IOException {
        StringBuilder tests = new StringBuilder();
        for (Path file : filesBelow(Repository.ROOT.resolve("src/test/java/io/forgeloom/examples"))) {
            tests.append(Files.readString(file));
        }
        List<String> unused = new ArrayList<>();
        for (Path file : filesBelow(EXAMPLES)) {
            String name = file.getFileName().toString().replace(".java", "");
            if (!name.contains("-info")
                    && !Pattern.compile("\\b" + name + "[.(]").matcher(tests).find()) {
                unused.add(name);
            }
        }
        assertEquals(List.of(), unused);
    }

    @Test
    void linksToFilesPointAtFiles() throws Exception {
        List<String> broken = new ArrayList<>();
        for (Path file : trackedFiles()) {
            if (file.toString().endsWith(".md")) {
                for (String target : Documents.relativeLinks(Files.readString(file))) {
                    if (!Files.exists(file.resolveSibling(target))) {
                        broken.add(Repository.ROOT.relativize(file) + " -> " + target);
                    }
                }
            }
        }
        assertEquals(List.of(), broken);
    }

    @Test
    void noTrackedFileNamesAFolderOfSomebodysMachine() throws Exception {
        List<String> found = new ArrayList<>();
        for (Path file : trackedFiles()) {
            String name = Repository.ROOT.relativize(file).toString();
            if (isText(file) && !name.equals(".ci/run")) {
                String text = Files.readString(file, StandardCharsets.ISO_8859_1);
                Documents.localPaths(text).forEach(line -> found.add(name + ":" + line));
            }
        }
        assertEquals(List.of(), found);
    }

    /** What git tracks; the test is skipped where git does not answer, as in an unpacked archive. */
    private static List<Path> trackedFiles() throws IOException, InterruptedException {
        Process git;
        try {
            git = new ProcessBuilder("git", "ls-files", "-z")
                    .directory(Repository.ROOT.toFile())
                    .redirectError(ProcessBuilder.Redirect.DISCARD)
                    .start();
        } catch (IOException e) {
            assumeTrue(false, "git cannot be run: " + e.getMessage());
            throw e;
        }
        String names = new String(git.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assumeTrue(git.waitFor() == 0, "git does not know this folder");
        // A file that is deleted and not yet committed is still listed.
        List<Path> files = Stream.of(names.split("\0"))
                .map(Repository.ROOT::resolve)
                .filter(Files::isRegularFile)
                .toList();
        assertFalse(files.isEmpty(), "git tracks nothing");
        return files;
    }

    private static List<Path> filesBelow(Path folder) throws IOException {
        if (!Files.isDirectory(folder)) {
            return List.of();
        }
        try (Stream<Path> files = Files.walk(folder)) {
            return files.filter(Files::isRegularFile).toList();
        }
    }

    private static boolean isText(Path file) throws IOException {
        try (var content = Files.newInputStream(file)) {
            return new String(content.readNBytes(8_000), StandardCharsets.ISO_8859_1).indexOf('\0') < 0;
        }
    }

    // The finders can fail.

    @Test
    void fencesAndRegionsAreComparedWithoutTheirIndentation() {
        String source = """
                class Example {
                    // @start region=outer
                    void run() {
                        // @start region="inner"
                        step(1);

                        step(2);
                        // @end
                    }
                    // @end region=outer
                }
                """;
        Map<String, String> regions = Documents.regions(source);
        assertEquals("step(1);\n\nstep(2);", regions.get("inner"));
        assertEquals("void run() {\n    step(1);\n\n    step(2);\n}", regions.get("outer"));

        String document =
                "text\n\n```java\nvoid run() {\n    step(1);  \n\n    step(2);\n}\n```\n\n```sh\nstep(3);\n```\n";
        assertEquals(List.of(regions.get("outer")), Documents.javaFences(document));
        assertEquals(List.of("step(4);"), Documents.javaFences("```java\n  step(4);\n```\n"));
    }

    @Test
    void regionsThatDoNotMatchAreRefused() {
        assertThrows(IllegalArgumentException.class, () -> Documents.regions("// @start region=a\n"));
        assertThrows(IllegalArgumentException.class, () -> Documents.regions("// @end\n"));
    }

    @Test
    void onlyLinksToFilesAreLookedAt() {
        String document =
                "[a](docs/a.md#part) ![b](b.png \"title\") [c](https://example.org/c) [d](#here) `[e](e.md)`\n"
                        + "```java\nmap[f](g);\n```\n";
        assertEquals(List.of("docs/a.md", "b.png"), Documents.relativeLinks(document));
    }

    @Test
    void foldersOfSomebodysMachineAreSeenAndAddressesAreNot() {
        for (String folder : List.of("work", "home", "root")) {
            String path = SLASH + folder + SLASH + "x";
            assertEquals(List.of("2: see " + path), Documents.localPaths("first\nsee " + path + "\n"));
            assertEquals(1, Documents.localPaths("\"" + path).size());
            assertEquals(1, Documents.localPaths("file://" + path).size());
            assertEquals(List.of(), Documents.localPaths("https://example.org" + path));
            assertEquals(List.of(), Documents.localPaths("${base}" + path));
            assertEquals(List.of(), Documents.localPaths("src" + path));
        }
    }
}
