package io.forgeloom.database;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.testing.SharedServer;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.ThreadLeaks;
import java.io.IOException;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The pool keeps its contract, case by case, on a real server behind a network that breaks. One database serves all cases,
 * one after the other: none leaves anything in it, no session and no row.
 */
@Timeout(60)
@ExtendWith(ThreadLeaks.class)
@Tag("slow")
class PoolContractTest {

    private static final Duration PATIENCE = Duration.ofSeconds(5);

    private static TestDatabase server;

    @BeforeAll
    static void create() throws SQLException {
        server = TestDatabase.on(SharedServer.get());
    }

    @AfterAll
    static void drop() throws SQLException {
        server.close();
    }

    @AfterEach
    void nothingIsLeft() throws SQLException, InterruptedException {
        server.assertNoConnections(PATIENCE);
        server.execute("DROP TABLE IF EXISTS " + PoolContractRun.TABLE);
    }

    static Stream<PoolContract.Case> cases() throws IOException {
        return PoolContract.load().cases().stream();
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("cases")
    void thePoolKeepsItsContract(PoolContract.Case contract) throws Exception {
        PoolContractRun.run(contract, server);
    }

    @Test
    void theContractHasACaseForEachReasonOfRefusal() throws IOException {
        List<PoolContract.Case> cases = cases().toList();
        assertTrue(cases.size() >= 24, cases.size() + " cases");
        List<AcquireException.Reason> missing = Stream.of(AcquireException.Reason.values())
                // Needs replicas, and the contract has one server: see ReadShareTest.
                .filter(reason -> reason != AcquireException.Reason.READ_SHARE)
                .filter(reason -> cases.stream()
                        .flatMap(one -> one.steps().stream())
                        .noneMatch(step -> ("refused " + reason).equals(step.outcome())))
                .toList();
        assertEquals(List.of(), missing);
    }
}
