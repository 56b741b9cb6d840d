package io.forgeloom;

import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.leader.LeaderConfig;
import io.forgeloom.node.NodeConfig;
import java.lang.management.ManagementFactory;
import java.time.Duration;

/**
 * A runtime in a process of its own, at rest: URL and seconds. Prints what its start and its rest cost: first as a fresh JVM
 * rests, which compiles all the while, then as one that has been there for an hour.
 */
final class ForgeProgram {

    /** What is done twice a second in an hour is done so often that it is compiled. */
    private static final int AN_HOUR_OF_HEARTBEATS = 7_200;

    private static final Duration HURRY = Duration.ofMillis(10);

    private ForgeProgram() {}

    public static void main(String[] args) throws InterruptedException {
        Duration length = Duration.ofSeconds(Long.parseLong(args[1]));
        long begun = System.nanoTime();
        DatabaseConfig database =
                DatabaseConfig.builder(args[0]).poolSize(8).serviceName("rest").build();
        ForgeConfig config =
                ForgeConfig.builder(database).roles(ForgeFixture.ROLE).build();
        try (Forge forge = Forge.start(config)) {
            System.out.println("ready " + ForgeFixture.millisSince(begun));
            rest("fresh", length.dividedBy(3));
            System.out.println("fresh leads " + forge.stats().leads().size());
        }
        anHourInHaste(database);
        try (Forge forge = Forge.start(config)) {
            // The election, and what the compilers still have in their queues.
            Thread.sleep(Duration.ofSeconds(10));
            rest("settled", length);
            System.out.println("leads " + forge.stats().leads().size());
        }
        Thread.sleep(Duration.ofSeconds(1));
        rest("closed", length.dividedBy(3));
    }

    private static void anHourInHaste(DatabaseConfig database) throws InterruptedException {
        ForgeConfig haste = ForgeConfig.builder(database)
                .roles(ForgeFixture.ROLE)
                .channels("haste")
                .leader(LeaderConfig.builder()
                        .lockValidateInterval(HURRY)
                        .checkInterval(HURRY.multipliedBy(2))
                        .build())
                .node(NodeConfig.builder().heartbeatInterval(HURRY).build())
                .build();
        try (Forge forge = Forge.start(haste)) {
            for (int i = 0; i < AN_HOUR_OF_HEARTBEATS / 2; i++) {
                forge.bus().publishSoon("haste", "now");
                Thread.sleep(HURRY);
            }
        }
    }

    /** Prints hundredths of a core, and for how long the compilers were at work beside. */
    private static void rest(String what, Duration length) throws InterruptedException {
        Duration cpu = cpu();
        long compiling = ManagementFactory.getCompilationMXBean().getTotalCompilationTime();
        Thread.sleep(length);
        double percent = 100.0 * cpu().minus(cpu).toNanos() / length.toNanos();
        compiling = ManagementFactory.getCompilationMXBean().getTotalCompilationTime() - compiling;
        System.out.println(what + " " + Math.round(percent * 1_000) / 1_000.0 + " compiling " + compiling + " ms");
    }

    private static Duration cpu() {
        return ProcessHandle.current().info().totalCpuDuration().orElse(Duration.ZERO);
    }
}
