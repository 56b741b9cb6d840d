package io.forgeloom.bench.report;

import java.util.Map;

/** How the report calls those whom the benchmarks know by their parameters. */
final class PeerName {

    private static final Map<String, String> NAMES = Map.of(
            "ring", Figure.OWN,
            "hikari", "HikariCP",
            "agroal", "Agroal",
            "submission", "SubmissionPublisher",
            "submissionPool", "SubmissionPublisher, common pool",
            "disruptor", "Disruptor",
            "queues", "a queue each");

    private static final String FLOOR = "floor";

    private PeerName() {}

    static String of(String parameter) {
        return NAMES.getOrDefault(parameter, parameter);
    }

    static Role role(String peer) {
        return switch (peer) {
            case Figure.OWN -> Role.OURS;
            case FLOOR -> Role.FLOOR;
            default -> Role.PEER;
        };
    }
}
