package io.forgeloom.testing;

import java.net.URI;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A server that the user runs, named by a URL in JDBC or libpq form. Safe for use by many threads.
 *
 * @param options further parameters of the URL, with a leading {@code &}, as written
 */
record ExternalServer(
        String host, int port, String user, @Nullable String password, String database, String options)
        implements TestServer {

    static ExternalServer parse(String url) {
        URI uri = URI.create(url.replaceFirst("^jdbc:", ""));
        if (uri.getHost() == null || !("postgresql".equals(uri.getScheme()) || "postgres".equals(uri.getScheme()))) {
            // Without the URL: there may be a password in it.
            throw new IllegalArgumentException(
                    SharedServer.VARIABLE
                            + " must be jdbc:postgresql://host:port/database?user=… or postgres://user:password@host:port/database");
        }
        Map<String, String> parameters = new LinkedHashMap<>();
        StringBuilder options = new StringBuilder();
        for (String pair :
                uri.getRawQuery() == null ? new String[0] : uri.getRawQuery().split("&")) {
            String[] parts = pair.split("=", 2);
            if (parts[0].equals("user") || parts[0].equals("password")) {
                parameters.put(parts[0], decoded(parts[1]));
            } else {
                options.append('&').append(pair);
            }
        }
        if (uri.getRawUserInfo() != null) {
            String[] parts = uri.getRawUserInfo().split(":", 2);
            parameters.put("user", decoded(parts[0]));
            if (parts.length > 1) {
                parameters.put("password", decoded(parts[1]));
            }
        }
        String path = uri.getRawPath().length() > 1 ? decoded(uri.getRawPath().substring(1)) : "postgres";
        return new ExternalServer(
                uri.getHost(),
                uri.getPort() < 0 ? 5432 : uri.getPort(),
                parameters.getOrDefault("user", PostgresServer.SUPERUSER),
                parameters.get("password"),
                path,
                options.toString());
    }

    @Override
    public String url(String database) {
        return TestServer.super.url(database) + options;
    }

    @Override
    public String libpqUrl(String database) {
        return TestServer.super.libpqUrl(database) + options.replaceFirst("&", "?");
    }

    @Override
    public String toString() {
        return host + ":" + port + "/" + database;
    }

    private static String decoded(String text) {
        return URLDecoder.decode(text.replace("+", "%2B"), StandardCharsets.UTF_8);
    }
}
