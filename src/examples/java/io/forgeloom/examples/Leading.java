package io.forgeloom.examples;

import io.forgeloom.database.Database;
import io.forgeloom.leader.LeaderElection;
import io.forgeloom.leader.LeaderRole;
import io.forgeloom.leader.Leadership;
import io.forgeloom.leader.LeadershipToken;
import io.forgeloom.notify.NotifyBus;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;

/** Invoices that one node of all sends. */
final class Leading {

    /** A system elsewhere, which refuses a token that is smaller than one that it has seen. */
    interface Mail {
        void send(String invoice, LeadershipToken token);
    }

    private Leading() {}

    /** Sends what is due, on the node that leads, until an element of {@code until} ends it. */
    static void run(Database db, Mail mail, BlockingQueue<String> until) throws InterruptedException {
        // @start region="start"
        LeaderRole billing = LeaderRole.daemon("billing");
        try (NotifyBus bus = NotifyBus.of(db);
                LeaderElection election = LeaderElection.of(db, bus, billing)) {
            election.whileLeader(billing, leadership -> sendInvoices(leadership, mail));
            bus.start();
            election.start();
            until.take(); // until the program ends; closing gives the role to another node at once
        }
        // @end
    }

    private static void sendInvoices(Leadership leadership, Mail mail) throws SQLException, InterruptedException {
        // @start region="body"
        while (true) {
            for (String invoice : leadership.inTransaction(tx -> due(tx.connection()))) {
                leadership.checkpoint(); // throws once this node does not lead any more
                mail.send(invoice, leadership.token()); // refused there if a later leader has sent
                leadership.inTransaction(tx -> markSent(tx.connection(), invoice)); // refused here
            }
            Thread.sleep(100); // interrupted when the role is lost
        }
        // @end
    }

    private static List<String> due(Connection connection) throws SQLException {
        try (PreparedStatement due = connection.prepareStatement("SELECT name FROM invoice WHERE NOT sent");
                ResultSet rows = due.executeQuery()) {
            List<String> names = new ArrayList<>();
            while (rows.next()) {
                names.add(rows.getString(1));
            }
            return names;
        }
    }

    private static int markSent(Connection connection, String invoice) throws SQLException {
        try (PreparedStatement mark = connection.prepareStatement("UPDATE invoice SET sent = true WHERE name = ?")) {
            mark.setString(1, invoice);
            return mark.executeUpdate();
        }
    }
}
