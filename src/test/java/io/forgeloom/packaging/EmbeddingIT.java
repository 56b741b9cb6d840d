package io.forgeloom.packaging;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.WithDatabase;
import java.io.File;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.spi.ToolProvider;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** An application that is a module of its own, compiled against the packaged jar and run on the module path. */
@Timeout(120)
@WithDatabase(expectNoConnections = true)
class EmbeddingIT {

    private static final Path SOURCES = Path.of("src/it/embedding");
    private static final Path LIBRARY = Path.of(System.getProperty("forgeloom.test.jar"));

    /** The library and the driver: neither JSpecify nor picocli is in sight. */
    private static final String MODULES = LIBRARY + File.pathSeparator + driver();

    @TempDir
    private static Path folder;

    @BeforeAll
    static void compile() throws IOException {
        List<String> arguments = new ArrayList<>(List.of("-Xlint:all", "-Werror", "--module-path", MODULES, "-d"));
        arguments.add(folder.resolve("classes").toString());
        try (Stream<Path> files = Files.walk(SOURCES)) {
            files.map(Path::toString).filter(file -> file.endsWith(".java")).forEach(arguments::add);
        }
        StringWriter out = new StringWriter();
        PrintWriter writer = new PrintWriter(out);
        int status =
                ToolProvider.findFirst("javac").orElseThrow().run(writer, writer, arguments.toArray(String[]::new));
        assertEquals(0, status, out.toString());
    }

    @ParameterizedTest(name = "preview {0}")
    @ValueSource(booleans = {false, true})
    void aModularApplicationUsesEveryPartAndEnds(boolean preview, TestDatabase database) throws Exception {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        if (preview) {
            command.add("--enable-preview");
        }
        String path = folder.resolve("classes") + File.pathSeparator + MODULES;
        command.addAll(List.of("--module-path", path));
        command.addAll(List.of("--module", "com.example.embedding/com.example.embedding.Main", database.url()));
        String output = run(command, folder.resolve("output-" + preview));
        assertEquals(
                List.of(
                        "started",
                        "committed",
                        "notified of order 42",
                        "followed INSERT of order 42",
                        "leads, with 1 order",
                        "closed"),
                output.lines()
                        .filter(line -> line.startsWith("embedding: "))
                        .map(line -> line.substring("embedding: ".length()))
                        .toList(),
                output);
        assertFalse(output.contains("WARN"), output);
        // A flag that nothing came of would be no check; the scopes say at their first use which ones they are.
        int release = Runtime.version().feature();
        boolean adapter = preview && (release == 21 || release == 25);
        assertTrue(output.contains(adapter ? "StructuredTaskScope" : "plain virtual threads"), output);
    }

    private static String run(List<String> command, Path out) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(out.toFile())
                .start();
        try {
            boolean ended = process.waitFor(60, TimeUnit.SECONDS);
            String output = Files.readString(out);
            assertTrue(ended, () -> "still running: " + output);
            assertEquals(0, process.exitValue(), output);
            return output;
        } finally {
            process.destroyForcibly();
        }
    }

    private static Path driver() {
        return ModuleLayer.boot()
                .configuration()
                .findModule("org.postgresql.jdbc")
                .flatMap(module -> module.reference().location())
                .map(Path::of)
                .orElseThrow();
    }
}
