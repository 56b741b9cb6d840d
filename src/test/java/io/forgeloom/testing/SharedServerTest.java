package io.forgeloom.testing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.sql.SQLException;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

@WithDatabase(expectNoConnections = true)
class SharedServerTest extends TestServerContract {

    private String nameBefore = "";

    @Override
    TestServer server() {
        return SharedServer.get();
    }

    @BeforeEach
    void rememberDatabase(TestDatabase database) {
        nameBefore = database.name();
    }

    @Test
    void testAndItsSetUpShareOneDatabase(TestDatabase database) throws SQLException {
        assertEquals(nameBefore, database.query("SELECT current_database()"));
    }

    @Test
    void userUrlIsUnderstoodInBothForms(TestDatabase database) throws SQLException {
        for (String url : new String[] {database.url(), database.libpqUrl()}) {
            TestServer same = ExternalServer.parse(url);
            assertEquals(database.name(), same.query("SELECT current_database()"));
        }
    }

    @Test
    void userUrlKeepsItsOptionsAndDecodesItsPassword() {
        ExternalServer server = ExternalServer.parse("postgres://me:a%2Bb%40c+d@db.example:6432/app?sslmode=require");
        assertEquals("a+b@c+d", server.password());
        assertEquals(
                "jdbc:postgresql://db.example:6432/other?user=me&password=a%2Bb%40c%2Bd&sslmode=require",
                server.url("other"));
        assertEquals("postgres://me:a%2Bb%40c%2Bd@db.example:6432/app?sslmode=require", server.libpqUrl());
    }

    @Test
    void wrongUserUrlIsRefusedWithoutItsPassword() {
        IllegalArgumentException error =
                assertThrows(IllegalArgumentException.class, () -> ExternalServer.parse("mysql://me:secret@h/app"));
        assertFalse(error.getMessage().contains("secret"), error.getMessage());
    }
}
