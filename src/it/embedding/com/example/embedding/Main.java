package com.example.embedding;

import io.forgeloom.Forge;
import io.forgeloom.ForgeConfig;
import io.forgeloom.changelog.Batch;
import io.forgeloom.changelog.ChangeElement;
import io.forgeloom.changelog.ChangeFollower;
import io.forgeloom.changelog.FollowOptions;
import io.forgeloom.changelog.TrackOptions;
import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.leader.LeaderRole;
import io.forgeloom.leader.Leadership;
import io.forgeloom.notify.Delivery;
import io.forgeloom.notify.Notification;
import io.forgeloom.notify.NotifyBus;
import io.forgeloom.notify.Subscription;
import java.sql.PreparedStatement;
import java.sql.Statement;
import java.time.Duration;

/** Starts the runtime, uses each part of it once, and closes it; says a line for each, and ends with 0 if all were right. */
public final class Main {

    private static final Duration SOON = Duration.ofSeconds(20);
    private static final String CHANNEL = "orders_changed";
    private static final LeaderRole BILLING = LeaderRole.daemon("billing");

    private Main() {}

    /**
     * Starts the program.
     *
     * @param args the JDBC URL of a PostgreSQL
     * @throws Exception if anything at all goes wrong: this is a check
     */
    public static void main(String[] args) throws Exception {
        if (!Main.class.getModule().isNamed() || !Forge.class.getModule().isNamed()) {
            throw new IllegalStateException("not on the module path");
        }
        // A busy machine may make any statement slow; any other warning counts.
        DatabaseConfig database = DatabaseConfig.builder(args[0])
                .slowStatementThreshold(Duration.ZERO)
                .build();
        ForgeConfig config =
                ForgeConfig.builder(database).channels(CHANNEL).roles(BILLING).build();
        Forge forge = Forge.start(config);
        try (forge) {
            if (!forge.health().ready()) {
                throw new IllegalStateException("not ready: " + forge.health().reasons());
            }
            say("started");
            use(forge);
        }
        if (forge.isLive()) {
            throw new IllegalStateException("lives on");
        }
        say("closed");
    }

    private static void use(Forge forge) throws Exception {
        forge.database().withConnection(connection -> {
            try (Statement statement = connection.createStatement()) {
                return statement.execute("CREATE TABLE orders (id bigint PRIMARY KEY)");
            }
        });
        forge.changes().track("orders", TrackOptions.DEFAULTS);
        try (Subscription heard = forge.bus().subscribe(CHANNEL);
                ChangeFollower follower = forge.changes().follow(forge.changes().now(), FollowOptions.DEFAULTS)) {
            insert(forge);
            say("committed");
            say("notified of order " + payload(heard));
            ChangeElement change = follower.poll(SOON).orElseThrow();
            if (!(change instanceof Batch batch)) {
                throw new IllegalStateException("no batch: " + change);
            }
            say("followed " + batch.rows().getFirst().op() + " of order "
                    + batch.rows().getFirst().rowId());
        }
        Leadership leadership =
                forge.election().orElseThrow().awaitLeadership(BILLING, SOON).orElseThrow();
        long orders = leadership.<Long, RuntimeException>inTransaction(tx -> {
            try (Statement statement = tx.connection().createStatement();
                    var row = statement.executeQuery("SELECT count(*) FROM orders")) {
                row.next();
                return row.getLong(1);
            }
        });
        say("leads, with " + orders + " order");
    }

    private static void insert(Forge forge) {
        forge.database().inTransaction(tx -> {
            try (PreparedStatement insert = tx.connection().prepareStatement("INSERT INTO orders VALUES (?)")) {
                insert.setLong(1, 42);
                NotifyBus.publish(tx.connection(), CHANNEL, "42");
                return insert.executeUpdate();
            }
        });
    }

    private static String payload(Subscription heard) throws InterruptedException {
        while (true) {
            Delivery next = heard.poll(SOON).orElseThrow();
            // A gap comes first, for what was said before the bus listened.
            if (next instanceof Notification notification) {
                return notification.payload();
            }
        }
    }

    private static void say(String what) {
        System.out.println("embedding: " + what);
    }
}
