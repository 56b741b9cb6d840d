package io.forgeloom.packaging;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** What comes along with the jars: the bill of materials, the licences and the notice. */
class SupplyChainIT {
    private static final Path LIBRARY = Path.of(System.getProperty("forgeloom.test.jar"));
    private static final Path CLI = Path.of(System.getProperty("forgeloom.test.cli.jar"));
    private static final Path ROOT = Path.of("").toAbsolutePath();

    /** What a component says of itself, up to its address. */
    private static final Pattern COMPONENT = Pattern.compile(
            "\"scope\" : \"(\\w+)\".*?\"licenses\" : \\[.*?\"purl\" : \"pkg:maven/([^@]+)@", Pattern.DOTALL);

    @Test
    void billOfMaterialsHasPgJdbcAndForTheCommandLinePicocliWithTheirLicences() throws IOException {
        String jar = LIBRARY.toString();
        String bill = Files.readString(Path.of(jar.substring(0, jar.length() - ".jar".length()) + "-cyclonedx.json"));
        Map<String, String> scopes = new TreeMap<>();
        Matcher component = COMPONENT.matcher(bill.substring(bill.indexOf("\"components\" :")));
        while (component.find()) {
            scopes.put(component.group(2), component.group(1));
        }
        assertEquals(Map.of("org.postgresql/postgresql", "required", "info.picocli/picocli", "optional"), scopes);
    }

    @Test
    void bothJarsHoldTheLicenceAndTheNotice() throws IOException {
        for (String name : new String[] {"LICENSE", "NOTICE"}) {
            byte[] ours = Files.readAllBytes(ROOT.resolve(name));
            assertArrayEquals(ours, read(LIBRARY, "META-INF/" + name), name + " of the library");
            String ofBoth = new String(read(CLI, "META-INF/" + name), StandardCharsets.UTF_8);
            assertTrue(
                    ofBoth.contains(new String(ours, StandardCharsets.UTF_8).strip()), name + " of the command line");
        }
        String notice = Files.readString(ROOT.resolve("NOTICE"));
        for (String inside : new String[] {"org.postgresql:postgresql", "info.picocli:picocli", "com.ongres.scram"}) {
            assertTrue(notice.contains(inside), inside);
        }
    }

    private static byte[] read(Path jar, String entry) throws IOException {
        try (JarFile file = new JarFile(jar.toFile())) {
            JarEntry found = file.getJarEntry(entry);
            assertNotNull(found, entry + " in " + jar.getFileName());
            return file.getInputStream(found).readAllBytes();
        }
    }
}
