package io.forgeloom.internal.concurrent;

import java.lang.System.Logger;
import java.lang.System.Logger.Level;

/**
 * Chooses, once, which implementation the scopes of this JVM have, and logs which.
 *
 * <p>{@code StructuredTaskScope} is a preview API: a class compiled against it loads on the one JDK that compiled it, and
 * there only with {@code --enable-preview}. So the two adapters are classes with names of their own that nothing links
 * to; they are looked up by name on their JDK, and when one does not load, {@link PlainScope} is there.
 */
final class ScopeChoice {
    static final ScopeThreads.Opener PLAIN = new ScopeThreads.Opener() {
        @Override
        public ScopeThreads open(String name, Deadline deadline) {
            return new PlainScope(deadline);
        }

        @Override
        public String toString() {
            return PlainScope.LABEL;
        }
    };

    static final ScopeThreads.Opener CHOSEN = chooseAndLog();

    private ScopeChoice() {}

    private static ScopeThreads.Opener chooseAndLog() {
        ScopeThreads.Opener chosen = choose(Runtime.version().feature());
        Logger log = System.getLogger("io.forgeloom.concurrent");
        log.log(Level.INFO, "task scopes run on {0}", chosen);
        return chosen;
    }

    /** The adapter for this release of the JDK if it has one and that loads; else the plain one. */
    static ScopeThreads.Opener choose(int feature) {
        if (feature != 21 && feature != 25) {
            return PLAIN;
        }
        try {
            return load(feature);
        } catch (ReflectiveOperationException | LinkageError unavailable) {
            // Not in this build, or preview is not enabled (UnsupportedClassVersionError): the normal case, no warning.
            return PLAIN;
        }
    }

    /**
     * The adapter of the given release.
     *
     * @throws ClassNotFoundException this build has none: it was made on another JDK
     * @throws UnsupportedClassVersionError this JVM is of another release or runs without preview
     */
    static ScopeThreads.Opener load(int feature) throws ReflectiveOperationException {
        return Class.forName("io.forgeloom.internal.concurrent.StructuredScope" + feature)
                .asSubclass(ScopeThreads.Opener.class)
                .getDeclaredConstructor()
                .newInstance();
    }
}
