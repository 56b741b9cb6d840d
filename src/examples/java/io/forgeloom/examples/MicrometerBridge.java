package io.forgeloom.examples;

import io.forgeloom.Forge;
import io.forgeloom.ForgeStats;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import java.util.function.ToDoubleFunction;

/** The runtime's figures as gauges, looked at when they are asked for. The registry does not keep the runtime alive. */
record MicrometerBridge(Forge forge, MeterRegistry registry) {

    void bind() {
        gauge("db.client.connection.max", stats -> stats.primary().maxSize());
        gauge("db.client.connection.used", stats -> stats.primary().active());
        gauge("db.client.connection.idle", stats -> stats.primary().idle());
        gauge("db.client.connection.pending_requests", stats -> stats.primary().waiting());
        gauge(
                "forge.replicas",
                stats -> stats.replicas().stream().filter(r -> r.isInRotation()).count());
        gauge("forge.bus.connected", stats -> stats.bus().isConnected() ? 1 : 0);
        gauge("forge.bus.queue_usage", stats -> stats.bus().queueUsage());
        gauge("forge.roles", stats -> stats.leads().size());
    }

    private void gauge(String name, ToDoubleFunction<ForgeStats> figure) {
        Gauge.builder(name, forge, runtime -> figure.applyAsDouble(runtime.stats()))
                .tag("node", forge.stats().nodeId())
                .register(registry);
    }
}
