package io.forgeloom.architecture;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.spi.ToolProvider;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The compiled classes keep to the ladder of ARCHITECTURE.md, so that the document is the rule and cannot rot.
 *
 * <p>jdeps reads class files: an import of a constant, which the compiler copies, does not show.
 */
class LadderTest {
    private static final Path CLASSES = Repository.ROOT.resolve("target/classes");

    @Test
    void compiledClassesKeepToTheLadderOfTheDocument() throws IOException {
        var ladder = Ladder.parse(Files.readString(Repository.ROOT.resolve("ARCHITECTURE.md")));
        Map<String, Set<String>> imports = importsOf(CLASSES);
        // Against a test that passes because it has looked at nothing.
        assertTrue(imports.containsKey("io.forgeloom.internal.concurrent"), "jdeps saw only " + imports.keySet());
        assertEquals(List.of(), ladder.violations(imports));
    }

    @Test
    void documentHasEveryRungOfTheHouse() throws IOException {
        var rungs = Ladder.parse(Files.readString(Repository.ROOT.resolve("ARCHITECTURE.md")))
                .rungs();
        assertEquals(0, rungs.get("io.forgeloom.error"));
        assertEquals(0, rungs.get("io.forgeloom.internal.concurrent"));
        assertEquals(1, rungs.get("io.forgeloom.internal.pg"));
        assertEquals(2, rungs.get("io.forgeloom.database"));
        assertEquals(3, rungs.get("io.forgeloom.lock"));
        assertEquals(9, rungs.get("io.forgeloom"));
        assertEquals(10, rungs.get("io.forgeloom.cli"));
    }

    @Test
    void wrongImportInCompiledClassesIsFound(@TempDir Path folder) throws IOException {
        compile(
                folder,
                Map.of(
                        "io/forgeloom/job/Job.java",
                        "package io.forgeloom.job; public class Job {}",
                        "io/forgeloom/lock/Lock.java",
                        "package io.forgeloom.lock; public class Lock { Object job = new io.forgeloom.job.Job(); }",
                        "org/postgresql/Driver.java",
                        "package org.postgresql; public class Driver {}",
                        "io/forgeloom/database/Pool.java",
                        "package io.forgeloom.database; class Pool extends org.postgresql.Driver {}"));
        var ladder = Ladder.parse("```ladder\n3 job\n2 lock\n1 database\n```\n");
        assertEquals(
                List.of(
                        "io.forgeloom.database imports org.postgresql, which only io.forgeloom.internal.pg may",
                        "io.forgeloom.lock (rung 2) imports io.forgeloom.job (rung 3)"),
                ladder.violations(importsOf(folder)));
    }

    @Test
    void importsUpwardsAndSidewaysAreViolationsAndDownwardsAreNot() {
        var ladder = Ladder.parse("```ladder\n2  notify   migrate   (a remark)\n1  lock\n0  error\n```\n");
        assertEquals(
                List.of(
                        "io.forgeloom.lock (rung 1) imports io.forgeloom.notify (rung 2)",
                        "io.forgeloom.migrate (rung 2) imports io.forgeloom.notify (rung 2)"),
                ladder.violations(Map.of(
                        "io.forgeloom.lock", Set.of("io.forgeloom.lock", "io.forgeloom.error", "io.forgeloom.notify"),
                        "io.forgeloom.migrate", Set.of("io.forgeloom.notify", "java.lang"),
                        "io.forgeloom.notify", Set.of("io.forgeloom.error", "io.forgeloom.lock"))));
    }

    @Test
    void packagesThatAreNotOnTheLadderAreViolations() {
        var ladder = Ladder.parse("```ladder\n9 io.forgeloom\n0 error\n```\n");
        assertEquals(
                List.of(
                        "io.forgeloom imports io.forgeloom.common, which is not on the ladder",
                        "io.forgeloom.error.more is not on the ladder"),
                ladder.violations(Map.of(
                        "io.forgeloom", Set.of("io.forgeloom.error", "io.forgeloom.common"),
                        "io.forgeloom.error.more", Set.of("java.lang"))));
    }

    @Test
    void onlyTheirOwnPackagesMayImportPostgresAndPicocli() {
        var ladder = Ladder.parse("```ladder\n10 cli\n2 database\n1 internal.pg\n```\n");
        assertEquals(
                List.of(
                        "io.forgeloom.cli imports org.postgresql.util, which only io.forgeloom.internal.pg may",
                        "io.forgeloom.database imports picocli, which only io.forgeloom.cli may"),
                ladder.violations(Map.of(
                        "io.forgeloom.cli", Set.of("picocli", "org.postgresql.util"),
                        "io.forgeloom.database", Set.of("picocli", "org.postgresqlish"),
                        "io.forgeloom.internal.pg", Set.of("org.postgresql", "org.postgresql.core"))));
    }

    @Test
    void documentsThatCannotBeReadAreRefused() {
        assertThrows(IllegalArgumentException.class, () -> Ladder.parse("# no block"));
        assertThrows(IllegalArgumentException.class, () -> Ladder.parse("```ladder\nzero error\n```\n"));
        assertThrows(IllegalArgumentException.class, () -> Ladder.parse("```ladder\n1 error\n0 error\n```\n"));
    }

    /** All packages below the folder, those of the adapters included, and the packages that each of them uses. */
    private static Map<String, Set<String>> importsOf(Path folder) throws IOException {
        List<String> arguments = new ArrayList<>(List.of("-verbose:package"));
        // The folder of the packages, not the one of the module: that one jdeps would want to resolve.
        arguments.add(folder.resolve("io").toString());
        Path versions = folder.resolve("META-INF/versions");
        if (Files.isDirectory(versions)) {
            try (Stream<Path> releases = Files.list(versions)) {
                // jdeps cannot read the class files of a release above its own.
                releases.filter(release ->
                                Integer.parseInt(release.getFileName().toString())
                                        <= Runtime.version().feature())
                        .map(release -> release.resolve("io").toString())
                        .forEach(arguments::add);
            }
        }
        return Ladder.importsFrom(run("jdeps", arguments));
    }

    private static void compile(Path folder, Map<String, String> sources) throws IOException {
        List<String> arguments = new ArrayList<>(List.of("-proc:none", "-d", folder.toString()));
        for (var source : sources.entrySet()) {
            Path file = folder.resolve("sources").resolve(source.getKey());
            Files.createDirectories(file.getParent());
            Files.writeString(file, source.getValue());
            arguments.add(file.toString());
        }
        run("javac", arguments);
    }

    private static String run(String name, List<String> arguments) {
        var tool = ToolProvider.findFirst(name).orElseThrow(() -> new AssertionError("this JDK has no " + name));
        var output = new StringWriter();
        var errors = new StringWriter();
        int status = tool.run(new PrintWriter(output), new PrintWriter(errors), arguments.toArray(new String[0]));
        assertEquals(0, status, () -> name + " " + arguments + ": " + output + errors);
        return output.toString();
    }
}
