package org.densenet4j.library;

/**
 * A library that this module reads where it is present, without naming it in a {@code requires}.
 *
 * <p>JCuda, JFreeChart, Batik and webp-imageio are no modules: on the module path their names come
 * from their files or manifests, and Maven and Gradle leave most of them on the class path. So this
 * module asks at run time to read whichever module has their classes, be it the unnamed one of the
 * class path ({@link Module#addReads}). The compiler is told by {@code --add-reads}.
 */
public final class OptionalLibrary {
    private OptionalLibrary() {}

    /**
     * Reads a library from now on.
     *
     * @param className one of its classes, which is not initialised
     * @return whether it is there
     */
    public static boolean read(String className) {
        try {
            Class<?> found =
                    Class.forName(className, false, OptionalLibrary.class.getClassLoader());
            OptionalLibrary.class.getModule().addReads(found.getModule());
            return true;
        } catch (ClassNotFoundException | LinkageError e) {
            return false;
        }
    }
}
