package io.forgeloom.internal.pg;

import io.forgeloom.error.ConfigurationException;
import java.net.URLDecoder;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.postgresql.PGProperty;

/**
 * The address of a server, read from {@code jdbc:postgresql://host:port/db?key=value} or from libpq's
 * {@code postgres://user:password@host:port/db?key=value}. Both become one list of hosts, one database and the driver's
 * properties. An unknown parameter is an error, since a misspelt {@code sslmode} that is passed over in silence is a
 * connection without TLS. Immutable, safe for use by many threads.
 *
 * @see <a href="https://www.postgresql.org/docs/18/libpq-connect.html#LIBPQ-CONNSTRING-URIS">Connection URIs of libpq</a>
 */
public final class PgUrl {

    private static final String JDBC = "jdbc:";
    private static final int DEFAULT_PORT = 5432;

    /** libpq's names whose meaning the driver has under another name; those that are spelt alike need no entry. */
    private static final Map<String, PGProperty> LIBPQ_NAMES = Map.ofEntries(
            Map.entry("user", PGProperty.USER),
            Map.entry("password", PGProperty.PASSWORD),
            Map.entry("dbname", PGProperty.PG_DBNAME),
            Map.entry("connect_timeout", PGProperty.CONNECT_TIMEOUT),
            Map.entry("application_name", PGProperty.APPLICATION_NAME),
            Map.entry("channel_binding", PGProperty.CHANNEL_BINDING),
            Map.entry("gssencmode", PGProperty.GSS_ENC_MODE),
            Map.entry("krbsrvname", PGProperty.KERBEROS_SERVER_NAME),
            Map.entry("sslnegotiation", PGProperty.SSL_NEGOTIATION),
            Map.entry("keepalives", PGProperty.TCP_KEEP_ALIVE));

    private static final Map<String, String> TARGETS = Map.of(
            "any", "any",
            "read-write", "primary",
            "primary", "primary",
            "read-only", "secondary",
            "standby", "secondary",
            "prefer-standby", "preferSecondary");

    private final String option;
    private final List<String> hosts;
    private final @Nullable String database;
    private final Map<String, String> properties;

    private PgUrl(String option, List<String> hosts, @Nullable String database, Map<String, String> properties) {
        this.option = option;
        this.hosts = hosts;
        this.database = database;
        this.properties = properties;
    }

    /**
     * Reads {@code url}.
     *
     * @param option the name of the option that the URL comes from, for the message
     * @throws ConfigurationException if it cannot be read; the message holds no password
     */
    public static PgUrl parse(String option, String url) {
        Objects.requireNonNull(url, option);
        if (url.isBlank()) {
            throw new ConfigurationException(
                    option, "is empty; expected jdbc:postgresql://host:port/db or postgres://user@host:port/db");
        }
        boolean jdbc = url.startsWith(JDBC);
        String rest = jdbc ? url.substring(JDBC.length()) : url;
        int scheme = rest.indexOf("://");
        String name = scheme < 0 ? "" : rest.substring(0, scheme);
        if (!name.equals("postgresql") && (jdbc || !name.equals("postgres"))) {
            throw new ConfigurationException(
                    option,
                    "\"" + mask(url) + "\" is no PostgreSQL URL;"
                            + " expected jdbc:postgresql://host:port/db or postgres://user@host:port/db");
        }
        return new Parser(option, url, jdbc).parse(rest.substring(scheme + 3));
    }

    /** The hosts as {@code host:port}, at least one. */
    public List<String> hosts() {
        return hosts;
    }

    /** The database, or null where the server's rule is meant: the one named like the user. */
    public @Nullable String database() {
        return database;
    }

    /** The driver's properties that the URL gives, by the driver's names, the password among them. */
    Map<String, String> properties() {
        return properties;
    }

    /** What the URL says of {@code property}, by the driver's name; null if it says nothing. */
    public @Nullable String property(String property) {
        return properties.get(property);
    }

    /** This address with user or password replaced where they are not null. */
    public PgUrl withCredentials(@Nullable String user, @Nullable String password) {
        Map<String, String> changed = new TreeMap<>(properties);
        if (user != null) {
            changed.put(PGProperty.USER.getName(), user);
        }
        if (password != null) {
            changed.put(PGProperty.PASSWORD.getName(), password);
        }
        return new PgUrl(option, hosts, database, Collections.unmodifiableMap(changed));
    }

    /** Hosts and database in the driver's form, without any parameter. */
    String jdbcAddress() {
        String db = database == null ? "" : URLEncoder.encode(database, StandardCharsets.UTF_8);
        return "jdbc:postgresql://" + String.join(",", hosts) + "/" + db;
    }

    /** {@code host:port/database}: what logs and messages call this server. */
    @Override
    public String toString() {
        return String.join(",", hosts) + "/" + (database == null ? "" : database);
    }

    /**
     * {@code url} without anything that may be a secret: no user information, no parameters, and nothing of what is no URL,
     * such as {@code host=… password=…}.
     */
    public static String mask(String url) {
        int query = url.indexOf('?');
        int at = url.lastIndexOf('@');
        // An unescaped ? inside a password: then the last @ follows it, and only what comes after is safe.
        String safe = query >= 0 && query > at ? url.substring(0, query) + "?…" : url;
        int scheme = safe.indexOf("://");
        if (scheme < 0) {
            return "…";
        }
        int from = scheme + 3;
        int end = safe.lastIndexOf('@');
        return end < from ? safe : safe.substring(0, from) + "…" + safe.substring(end);
    }

    /** The reading itself; lives for one call of {@link PgUrl#parse}. */
    private record Parser(String option, String url, boolean jdbc) {

        PgUrl parse(String rest) {
            int query = rest.indexOf('?');
            String address = query < 0 ? rest : rest.substring(0, query);
            Map<String, String> properties = new TreeMap<>();
            // libpq allows an escaped slash only, but a password with a raw one is the commonest mistake: the authority
            // ends at the first slash after the last @.
            int at = address.lastIndexOf('@');
            int slash = address.indexOf('/', at + 1);
            String authority = slash < 0 ? address : address.substring(0, slash);
            @Nullable
            String database = slash < 0 || slash + 1 == address.length() ? null : decode(address.substring(slash + 1));
            if (at >= 0) {
                readUserInfo(authority.substring(0, at), properties);
                authority = authority.substring(at + 1);
            }
            if (query >= 0) {
                readParameters(rest.substring(query + 1), properties);
            }
            @Nullable String named = properties.remove(PGProperty.PG_DBNAME.getName());
            return new PgUrl(
                    option,
                    readHosts(authority),
                    named == null ? database : named,
                    Collections.unmodifiableMap(properties));
        }

        private void readUserInfo(String userInfo, Map<String, String> properties) {
            if (jdbc) {
                throw problem("a jdbc: URL takes no user:password@; give ?user=…&password=…, or drop \"jdbc:\"");
            }
            int colon = userInfo.indexOf(':');
            String user = colon < 0 ? userInfo : userInfo.substring(0, colon);
            if (!user.isEmpty()) {
                properties.put(PGProperty.USER.getName(), decode(user));
            }
            if (colon >= 0) {
                properties.put(PGProperty.PASSWORD.getName(), decode(userInfo.substring(colon + 1)));
            }
        }

        private List<String> readHosts(String authority) {
            List<String> hosts = new ArrayList<>();
            for (String part : authority.split(",", -1)) {
                int colon = part.lastIndexOf(':');
                boolean hasPort = colon > part.lastIndexOf(']');
                String host = decode(hasPort ? part.substring(0, colon) : part);
                if (host.startsWith("/")) {
                    throw problem("Unix sockets are not supported by the driver; name a TCP host");
                }
                hosts.add((host.isEmpty() ? "localhost" : host) + ":" + port(hasPort ? part.substring(colon + 1) : ""));
            }
            return List.copyOf(hosts);
        }

        private int port(String text) {
            if (text.isEmpty()) {
                return DEFAULT_PORT;
            }
            try {
                int port = Integer.parseInt(text);
                if (port >= 1 && port <= 65535) {
                    return port;
                }
            } catch (NumberFormatException e) {
                throw problem("the port is not a number from 1 to 65535");
            }
            throw problem("port " + text + " is not between 1 and 65535");
        }

        private void readParameters(String query, Map<String, String> properties) {
            int index = 0;
            for (String part : query.split("&", -1)) {
                index++;
                if (part.isEmpty()) {
                    continue;
                }
                int equals = part.indexOf('=');
                if (equals <= 0) {
                    // The part is not printed: it may be the rest of a password with an unescaped &.
                    throw problem("parameter " + index + " is not of the form key=value");
                }
                readParameter(part.substring(0, equals), decode(part.substring(equals + 1)), properties);
            }
        }

        private void readParameter(String key, String value, Map<String, String> properties) {
            if (!jdbc && key.equals("target_session_attrs")) {
                @Nullable String target = TARGETS.get(value);
                if (target == null) {
                    throw problem(
                            "target_session_attrs=" + value + " is not one of " + new TreeMap<>(TARGETS).keySet());
                }
                properties.put(PGProperty.TARGET_SERVER_TYPE.getName(), target);
                return;
            }
            @Nullable PGProperty property = jdbc ? null : LIBPQ_NAMES.get(key);
            if (property == null) {
                property = PGProperty.forName(key);
            }
            if (property == null) {
                if (url.lastIndexOf('@') > url.indexOf('?')) {
                    // The key may be the rest of a password: it is not printed.
                    throw problem("an @ follows the ?, and what stands between is no parameter;"
                            + " in a password write %3F for a ?");
                }
                throw problem("unknown parameter \"" + key + "\"; "
                        + (jdbc ? "PgJDBC has none of this name" : "neither libpq's nor PgJDBC's that works here"));
            }
            boolean flag = property == PGProperty.TCP_KEEP_ALIVE && (value.equals("0") || value.equals("1"));
            properties.put(property.getName(), flag ? String.valueOf(value.equals("1")) : value);
        }

        private String decode(String text) {
            try {
                // A plus sign stands for itself in a connection URI; only HTML forms make it a space.
                return URLDecoder.decode(text.replace("+", "%2B"), StandardCharsets.UTF_8);
            } catch (IllegalArgumentException e) {
                throw problem("it holds a % that is not followed by two hexadecimal digits; write %25 for a %");
            }
        }

        private ConfigurationException problem(String problem) {
            return new ConfigurationException(
                    option, String.format(Locale.ROOT, "\"%s\" cannot be read: %s", mask(url), problem));
        }
    }
}
