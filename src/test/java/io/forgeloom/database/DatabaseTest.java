package io.forgeloom.database;

import io.forgeloom.testing.SharedServer;
import io.forgeloom.testing.TestServer;

/** The suite on the server of this test run. */
class DatabaseTest extends DatabaseSuite {

    @Override
    TestServer server() {
        return SharedServer.get();
    }
}
