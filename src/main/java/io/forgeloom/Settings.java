package io.forgeloom;

import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.database.Identifier;
import io.forgeloom.error.ConfigurationException;
import io.forgeloom.migrate.MigrationSource;
import java.io.IOException;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** A configuration as texts: properties, and environment variables that go before them. Confined to one thread. */
final class Settings {

    private static final List<String> NAMES = List.of(
            "database.url",
            "database.user",
            "database.password",
            "database.poolSize",
            "database.replicaUrls",
            "database.statementTimeout",
            "database.poolTimeout",
            "serviceName",
            "migrate",
            "migrations",
            "schema",
            "nodeId",
            "retention",
            "expectedConcurrency");

    /** What {@code forge elect} sets, and what container platforms set beside a service of the name forge. */
    private static final Pattern OTHERS = Pattern.compile("FORGE_(ROLE|TERM|TOKEN|SERVICE_(HOST|PORT).*|PORT.*)");

    private static final Pattern DURATION = Pattern.compile("(\\d{1,9})\\s*(ms|s|m|h|d)");

    private final Map<String, String> values;

    private Settings(Map<String, String> values) {
        this.values = values;
    }

    static ForgeConfig.Builder read(@Nullable Path file, Map<String, String> environment) {
        Map<String, String> values = new TreeMap<>();
        if (file != null) {
            fromFile(file, values);
        }
        fromEnvironment(environment, values);
        return new Settings(values).builder();
    }

    private static void fromFile(Path file, Map<String, String> values) {
        Properties properties = new Properties();
        try (Reader reader = Files.newBufferedReader(file)) {
            properties.load(reader);
        } catch (IOException | IllegalArgumentException e) {
            throw new ConfigurationException("file", file + " cannot be read as UTF-8 properties: " + e);
        }
        for (String name : properties.stringPropertyNames()) {
            if (!NAMES.contains(name)) {
                throw new ConfigurationException(
                        name, "is not known (" + file + "); there are " + String.join(", ", NAMES));
            }
            put(values, name, properties.getProperty(name));
        }
    }

    private static void fromEnvironment(Map<String, String> environment, Map<String, String> values) {
        Map<String, String> variables = NAMES.stream()
                .collect(Collectors.toMap(Settings::variable, name -> name, (a, b) -> a, LinkedHashMap::new));
        String plain = environment.get("DATABASE_URL");
        if (plain != null) {
            put(values, "database.url", plain);
        }
        environment.forEach((variable, value) -> {
            String name = variables.get(variable);
            if (name != null) {
                put(values, name, value);
            } else if (variable.startsWith("FORGE_")
                    && !OTHERS.matcher(variable).matches()) {
                throw new ConfigurationException(
                        variable, "is not known; there are " + String.join(", ", variables.keySet()));
            }
        });
    }

    /** A password may begin or end with a space; nothing else does on purpose. */
    private static void put(Map<String, String> values, String name, String text) {
        values.put(name, name.equals("database.password") ? text : text.strip());
    }

    /** {@code database.poolSize} is {@code FORGE_DATABASE_POOL_SIZE}. */
    private static String variable(String name) {
        return "FORGE_"
                + name.replace('.', '_').replaceAll("([a-z])([A-Z])", "$1_$2").toUpperCase(Locale.ROOT);
    }

    private ForgeConfig.Builder builder() {
        String url = values.get("database.url");
        if (url == null || url.isEmpty()) {
            throw new ConfigurationException(
                    "database.url", "is missing; set it in the file, or FORGE_DATABASE_URL, or DATABASE_URL");
        }
        DatabaseConfig.Builder database = DatabaseConfig.builder(url);
        with("database.user", text -> text, database::user);
        with("database.password", text -> text, database::password);
        with("database.poolSize", Integer::parseInt, database::poolSize);
        with("database.statementTimeout", Settings::duration, database::statementTimeout);
        with("database.poolTimeout", Settings::duration, database::poolTimeout);
        with("serviceName", text -> text, database::serviceName);
        with(
                "database.replicaUrls",
                text -> Arrays.stream(text.split(","))
                        .map(String::strip)
                        .filter(one -> !one.isEmpty())
                        .toList(),
                urls -> database.replicaUrls(urls).readFromReplica(!urls.isEmpty()));
        ForgeConfig.Builder builder = ForgeConfig.builder(database.build());
        with("migrate", Settings::truth, builder::migrate);
        with("migrations", text -> MigrationSource.directory(Path.of(text)), builder::migrations);
        with("schema", Identifier::new, builder::schema);
        with("nodeId", text -> text, builder::nodeId);
        with("retention", Settings::duration, builder::retention);
        with("expectedConcurrency", Integer::parseInt, builder::expectedConcurrency);
        return builder;
    }

    private <T> void with(String name, Function<String, T> reading, Consumer<T> use) {
        String text = values.get(name);
        if (text != null) {
            T value;
            try {
                value = reading.apply(text);
            } catch (NumberFormatException e) {
                throw new ConfigurationException(name, "\"" + text + "\": it must be a whole number");
            } catch (IllegalArgumentException e) {
                throw new ConfigurationException(name, "\"" + text + "\": " + e.getMessage());
            }
            use.accept(value);
        }
    }

    private static boolean truth(String text) {
        return switch (text) {
            case "true" -> true;
            case "false" -> false;
            default -> throw new IllegalArgumentException("it must be true or false");
        };
    }

    private static Duration duration(String text) {
        Matcher parts = DURATION.matcher(text);
        if (!parts.matches()) {
            throw new IllegalArgumentException("it must be a number with ms, s, m, h or d, as 30s");
        }
        long number = Long.parseLong(parts.group(1));
        return switch (parts.group(2)) {
            case "ms" -> Duration.ofMillis(number);
            case "s" -> Duration.ofSeconds(number);
            case "m" -> Duration.ofMinutes(number);
            case "h" -> Duration.ofHours(number);
            default -> Duration.ofDays(number);
        };
    }
}
