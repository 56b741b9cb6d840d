package io.forgeloom.packaging;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.forgeloom.testing.SystemSchemaFiles;
import java.io.DataInputStream;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.module.ModuleDescriptor;
import java.lang.module.ModuleDescriptor.Requires;
import java.lang.module.ModuleFinder;
import java.lang.reflect.Method;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.spi.ToolProvider;
import java.util.stream.Collectors;
import java.util.zip.ZipFile;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;

/** What a user gets: the packaged jars, looked at from outside and started in JVMs of their own. */
class PackagingIT {
    private static final int CLASS_FILE_21 = 65;
    private static final int PREVIEW_MINOR = 0xFFFF;
    private static final String VERSIONS = "META-INF/versions/";
    private static final Path LIBRARY = Path.of(System.getProperty("forgeloom.test.jar"));
    private static final Path CLI = Path.of(System.getProperty("forgeloom.test.cli.jar"));

    @Test
    void theseTestsRunOnTheJarAndNotOnFolders() {
        assertEquals(LIBRARY.toUri(), locationOf("io.forgeloom").toUri());
    }

    @Test
    void descriptorAsksForWhatIsDocumentedAndForNothingElse() {
        ModuleDescriptor module =
                ModuleFinder.of(LIBRARY).find("io.forgeloom").orElseThrow().descriptor();

        Set<String> requires = module.requires().stream()
                .filter(r -> !r.modifiers().contains(Requires.Modifier.MANDATED))
                .map(r -> words(r.modifiers()) + r.name())
                .collect(Collectors.toCollection(TreeSet::new));
        assertEquals(
                Set.of(
                        "transitive java.sql",
                        "org.postgresql.jdbc",
                        "java.naming",
                        "jdk.jfr",
                        "static org.jspecify",
                        "static info.picocli"),
                requires);
        assertTrue(module.exports().stream()
                .noneMatch(e -> e.isQualified() || e.source().contains(".internal")));
        assertTrue(module.exports().stream().noneMatch(e -> e.source().equals("io.forgeloom.cli")));
    }

    @Test
    void allButTheAdaptersAreClassFilesOfRelease21WithoutPreview() throws IOException {
        List<String> wrong = new ArrayList<>();
        int seen = 0;
        try (ZipFile jar = new ZipFile(LIBRARY.toFile())) {
            for (var entry : jar.stream()
                    .filter(e -> e.getName().endsWith(".class") && !e.getName().startsWith(VERSIONS))
                    .toList()) {
                try (DataInputStream in = new DataInputStream(jar.getInputStream(entry))) {
                    in.readInt();
                    int minor = in.readUnsignedShort();
                    int major = in.readUnsignedShort();
                    seen++;
                    if (minor != 0 || major != CLASS_FILE_21) {
                        wrong.add(entry.getName() + " " + major + "." + minor);
                    }
                }
            }
        }
        assertEquals(List.of(), wrong);
        assertTrue(seen > 1, "no classes in " + LIBRARY);
    }

    /** A versioned class with the name of a base class would stop every program that runs without the flag. */
    @Test
    void adaptersArePreviewClassesUnderNamesOfTheirOwn() throws IOException {
        try (ZipFile jar = new ZipFile(LIBRARY.toFile())) {
            for (var entry : jar.stream()
                    .filter(e -> e.getName().startsWith(VERSIONS) && e.getName().endsWith(".class"))
                    .toList()) {
                String versioned = entry.getName().substring(VERSIONS.length());
                int release = Integer.parseInt(versioned.substring(0, versioned.indexOf('/')));
                String name = versioned.substring(versioned.indexOf('/') + 1);
                assertTrue(name.contains("/StructuredScope" + release), entry.getName());
                assertEquals(null, jar.getEntry(name), "the base has a class of the same name: " + name);
                try (DataInputStream in = new DataInputStream(jar.getInputStream(entry))) {
                    in.readInt();
                    assertEquals(PREVIEW_MINOR, in.readUnsignedShort(), entry.getName());
                    assertEquals(release + 44, in.readUnsignedShort(), entry.getName());
                }
            }
        }
    }

    @Test
    void jarHasTheAdapterOfTheJdkThatBuiltIt() throws IOException {
        int release = Runtime.version().feature();
        assumeTrue(release == 21 || release == 25, "no adapter is written for JDK " + release);
        for (Path path : List.of(LIBRARY, CLI)) {
            try (JarFile jar = new JarFile(path.toFile(), true, ZipFile.OPEN_READ, Runtime.version())) {
                assertTrue(jar.isMultiRelease(), path + " is no multi-release jar");
                JarEntry adapter =
                        jar.getJarEntry("io/forgeloom/internal/concurrent/StructuredScope" + release + ".class");
                assertNotNull(adapter, path + " has no adapter for JDK " + release);
            }
        }
    }

    @Test
    void jarToolFindsNothingWrongWithTheLibrary() {
        StringWriter out = new StringWriter();
        PrintWriter writer = new PrintWriter(out);
        int status = ToolProvider.findFirst("jar")
                .orElseThrow()
                .run(writer, writer, "--validate", "--file", LIBRARY.toString());
        assertEquals(0, status, out.toString());
    }

    /** Maven hands a consumer what is neither optional nor of another scope than compile or runtime. */
    @Test
    void consumersGetPgJdbcAndNothingElse() throws Exception {
        List<String> reaching = new ArrayList<>();
        try (ZipFile jar = new ZipFile(LIBRARY.toFile());
                InputStream pom = jar.getInputStream(jar.getEntry("META-INF/maven/io.forgeloom/forgeloom/pom.xml"))) {
            Element project = DocumentBuilderFactory.newInstance()
                    .newDocumentBuilder()
                    .parse(pom)
                    .getDocumentElement();
            for (Element dependency : children(child(project, "dependencies"))) {
                String scope = text(dependency, "scope", "compile");
                boolean optional = Boolean.parseBoolean(text(dependency, "optional", "false"));
                if (!optional && (scope.equals("compile") || scope.equals("runtime"))) {
                    reaching.add(text(dependency, "groupId", "") + ":" + text(dependency, "artifactId", ""));
                }
            }
        }
        assertEquals(List.of("org.postgresql:postgresql"), reaching);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void executableJarStartsWithAndWithoutPreview(boolean preview) throws Exception {
        List<String> command = java(preview);
        command.addAll(List.of("-jar", CLI.toString(), "--help"));
        assertStarts(command);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void commandStartsOnTheModulePathWithAndWithoutPreview(boolean preview) throws Exception {
        String modulePath = String.join(
                File.pathSeparator,
                LIBRARY.toString(),
                locationOf("org.postgresql.jdbc").toString(),
                locationOf("info.picocli").toString());
        List<String> command = java(preview);
        command.addAll(List.of("--module-path", modulePath));
        // Nobody requires picocli but us, and statically: an optional module has to be asked for.
        command.addAll(List.of("--add-modules", "info.picocli"));
        command.addAll(List.of("--module", "io.forgeloom/io.forgeloom.cli.ForgeCommand", "--help"));
        assertStarts(command);
    }

    /** From the class path; on the module path the other tests read them. */
    @Test
    void bothJarsHoldTheWholeSystemSchema() throws Exception {
        for (Path jar : List.of(LIBRARY, CLI)) {
            try (URLClassLoader loader =
                    new URLClassLoader(new URL[] {jar.toUri().toURL()}, null)) {
                Method source =
                        loader.loadClass("io.forgeloom.migrate.SystemSchema").getDeclaredMethod("source");
                source.setAccessible(true);
                Object found = source.invoke(null);
                Method files = found.getClass().getDeclaredMethod("files");
                files.setAccessible(true);
                assertEquals(SystemSchemaFiles.index().size(), ((List<?>) files.invoke(found)).size(), jar.toString());
                for (String other : List.of("remove.sql", "grants.sql")) {
                    assertNotNull(loader.getResource("io/forgeloom/migrate/" + other), jar + " has no " + other);
                }
            }
        }
    }

    private static void assertStarts(List<String> command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        try {
            String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            assertTrue(process.waitFor(30, TimeUnit.SECONDS), () -> "still running: " + command);
            assertEquals(0, process.exitValue(), output);
            assertTrue(output.contains("Usage: forge"), output);
            assertFalse(output.contains("WARNING"), output);
        } finally {
            process.destroyForcibly();
        }
    }

    private static List<String> java(boolean preview) {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        if (preview) {
            command.add("--enable-preview");
        }
        return command;
    }

    private static Path locationOf(String module) {
        return ModuleLayer.boot()
                .configuration()
                .findModule(module)
                .flatMap(m -> m.reference().location())
                .map(Path::of)
                .orElseThrow();
    }

    private static String words(Set<Requires.Modifier> modifiers) {
        return modifiers.stream()
                .map(m -> m.name().toLowerCase(java.util.Locale.ROOT) + " ")
                .sorted()
                .collect(Collectors.joining());
    }

    private static String text(Element parent, String name, String absent) {
        Element child = child(parent, name);
        return child == null ? absent : child.getTextContent().strip();
    }

    private static Element child(Element parent, String name) {
        return children(parent).stream()
                .filter(e -> e.getTagName().equals(name))
                .findFirst()
                .orElse(null);
    }

    private static List<Element> children(Element parent) {
        List<Element> elements = new ArrayList<>();
        NodeList nodes = parent.getChildNodes();
        for (int i = 0; i < nodes.getLength(); i++) {
            if (nodes.item(i) instanceof Element element) {
                elements.add(element);
            }
        }
        return elements;
    }
}
