package io.forgeloom.internal.pg;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.error.ConfigurationException;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class PgUrlTest {

    private static final String SECRET = "s3cret";

    @Test
    void bothFormsOfOneAddressMeanTheSame() {
        PgUrl jdbc = PgUrl.parse("url", "jdbc:postgresql://db.example:6432/app?user=u&password=s3cret&sslmode=require");
        PgUrl libpq = PgUrl.parse("url", "postgres://u:s3cret@db.example:6432/app?sslmode=require");

        assertEquals(jdbc.hosts(), libpq.hosts());
        assertEquals(jdbc.database(), libpq.database());
        assertEquals(jdbc.properties(), libpq.properties());
        assertEquals("db.example:6432/app", libpq.toString());
    }

    @ParameterizedTest
    @CsvSource({
        "postgres://h, h:5432, ",
        "postgres://h/, h:5432, ",
        "postgresql:///db, localhost:5432, db",
        "postgres://u@/db, localhost:5432, db",
        "postgres://[::1]:5433/db, [::1]:5433, db",
        "postgres://[::1]/db, [::1]:5432, db",
        "jdbc:postgresql://h/my%20db, h:5432, my db",
        "postgres://h/a?dbname=b, h:5432, b",
    })
    void whatIsLeftOutHasADefault(String url, String host, String database) {
        PgUrl parsed = PgUrl.parse("url", url);
        assertEquals(List.of(host), parsed.hosts());
        assertEquals(database, parsed.database());
    }

    @Test
    void severalHostsKeepTheirOrder() {
        assertEquals(
                List.of("a:1", "b:5432"),
                PgUrl.parse("url", "postgres://a:1,b/db").hosts());
    }

    @Test
    void percentAndPlusInAPasswordAreReadAsAUriHasThem() {
        PgUrl url = PgUrl.parse("url", "postgres://u:a%2Fb%25c+d@h/db");
        assertEquals("a/b%c+d", url.property("password"));
    }

    @Test
    void libpqNamesBecomeTheDriversOwn() {
        PgUrl url = PgUrl.parse(
                "url",
                "postgres://h/db?connect_timeout=3&application_name=x&target_session_attrs=read-write&keepalives=0");
        assertEquals("3", url.property("connectTimeout"));
        assertEquals("x", url.property("ApplicationName"));
        assertEquals("primary", url.property("targetServerType"));
        assertEquals("false", url.property("tcpKeepAlive"));
    }

    @Test
    void anOptionReplacesTheUrlsCredentials() {
        PgUrl url = PgUrl.parse("url", "postgres://u:old@h/db").withCredentials(null, "new");
        assertEquals("u", url.property("user"));
        assertEquals("new", url.property("password"));
        assertNull(PgUrl.parse("url", "postgres://h/db").property("password"));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "mysql://u:s3cret@h/db",
                "jdbc:postgres://h/db?password=s3cret",
                "postgres://u:s3cret@h:99999/db",
                "postgres://u:s3cret@h:port/db",
                "postgres://u:s3cret@h/db?sslmod=require",
                "postgres://u:%zz-s3cret@h/db",
                "postgres://u:s3cret@%2Fvar%2Frun/db",
                "postgres://h/db?password=s3cret&noequals",
                "postgres://h/db?target_session_attrs=sometimes&password=s3cret",
                "jdbc:postgresql://u:s3cret@h/db",
                "postgres://u:a@b/s3cret@h:0/db",
            })
    void whatCannotBeReadIsRefusedWithoutThePassword(String url) {
        ConfigurationException e = assertThrows(ConfigurationException.class, () -> PgUrl.parse("replicaUrls[0]", url));
        assertEquals("replicaUrls[0]", e.option());
        assertFalse(e.getMessage().contains(SECRET), e.getMessage());
    }

    @Test
    void anUnknownParameterIsNamed() {
        ConfigurationException e =
                assertThrows(ConfigurationException.class, () -> PgUrl.parse("url", "postgres://h/db?sslmod=require"));
        assertTrue(e.getMessage().contains("\"sslmod\""), e.getMessage());
    }
}
