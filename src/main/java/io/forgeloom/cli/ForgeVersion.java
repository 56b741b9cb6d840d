package io.forgeloom.cli;

import io.forgeloom.internal.pg.PgConnector;
import java.io.IOException;
import java.io.InputStream;
import java.lang.module.ModuleDescriptor;
import java.net.URL;
import java.util.Collections;
import java.util.Optional;
import picocli.CommandLine.IVersionProvider;

/** What {@code --version} prints: our version, Java's and the driver's. */
final class ForgeVersion implements IVersionProvider {

    @Override
    public String[] getVersion() {
        return new String[] {
            "forge " + ownVersion().orElse("(unknown version)"),
            "Java " + Runtime.version() + " (" + System.getProperty("java.vendor") + ")",
            PgConnector.driverVersion()
        };
    }

    /** A module knows its version, a jar has it in its manifest, and a folder of classes in the module's descriptor. */
    private static Optional<String> ownVersion() {
        ModuleDescriptor descriptor = ForgeVersion.class.getModule().getDescriptor();
        if (descriptor != null) {
            return descriptor.rawVersion();
        }
        String implementation = ForgeVersion.class.getPackage().getImplementationVersion();
        if (implementation != null) {
            return Optional.of(implementation);
        }
        try {
            // Every jar and every module of the JDK may have one.
            for (URL url : Collections.list(ForgeVersion.class.getClassLoader().getResources("module-info.class"))) {
                try (InputStream in = url.openStream()) {
                    ModuleDescriptor compiled = ModuleDescriptor.read(in);
                    if (compiled.name().equals("io.forgeloom")) {
                        return compiled.rawVersion();
                    }
                }
            }
        } catch (IOException e) {
            // An unreadable jar is somebody else's trouble, and a version not worth failing for.
            return Optional.empty();
        }
        return Optional.empty();
    }
}
