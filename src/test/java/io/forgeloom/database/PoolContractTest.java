package io.forgeloom.database;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.ThreadLeaks;
import io.forgeloom.testing.WithDatabase;
import java.io.IOException;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The pool keeps its contract, case by case, on a real server behind a network that breaks. */
@Timeout(60)
@WithDatabase(expectNoConnections = true)
@ExtendWith(ThreadLeaks.class)
class PoolContractTest {

    static Stream<PoolContract.Case> cases() throws IOException {
        return PoolContract.load().cases().stream();
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("cases")
    void thePoolKeepsItsContract(PoolContract.Case contract, TestDatabase server) throws Exception {
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
