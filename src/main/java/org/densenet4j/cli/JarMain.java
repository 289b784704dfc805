package org.densenet4j.cli;

/**
 * What {@code java -jar} starts. The jar of a Maven repository lies without the libraries of the
 * command line; there it says so in one line.
 */
public final class JarMain {
    private JarMain() {}

    /** Runs a command and exits with its code. */
    public static void main(String[] args) {
        try {
            Class.forName("picocli.CommandLine", false, JarMain.class.getClassLoader());
        } catch (ClassNotFoundException e) {
            System.err.println(
                    "error: the libraries of the command line are not in lib/ beside the jar; run"
                            + " ./densenet4j in a copy of the project, which builds them");
            System.exit(2);
        }
        Main.main(args);
    }
}
