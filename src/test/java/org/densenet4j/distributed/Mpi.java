package org.densenet4j.distributed;

import static org.junit.jupiter.api.Assertions.fail;
import static org.junit.jupiter.api.Assumptions.abort;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** MPI as it is installed: tests of several processes run on both, by their own launchers. */
public enum Mpi {
    OPEN_MPI(
            "openmpi-bin",
            "Open MPI",
            List.of("mpirun.openmpi", "mpirun"),
            List.of("--version"),
            // As root, as in containers; more processes than cores; each on any core.
            List.of("--allow-run-as-root", "--oversubscribe", "--bind-to", "none")),
    MPICH(
            "mpich",
            "HYDRA",
            List.of("mpirun.mpich", "mpiexec.hydra", "mpirun"),
            List.of("--version"),
            List.of());

    private final String debianPackage;
    private final String mark;
    private final List<String> names;
    private final List<String> askVersion;
    private final List<String> options;

    Mpi(
            String debianPackage,
            String mark,
            List<String> names,
            List<String> askVersion,
            List<String> options) {
        this.debianPackage = debianPackage;
        this.mark = mark;
        this.names = names;
        this.askVersion = askVersion;
        this.options = options;
    }

    /** Starts of a command that launches so many ranks; skips the test where there is none. */
    List<String> launch(int ranks) {
        for (String name : names) {
            if (isThis(name)) {
                List<String> command = new ArrayList<>(List.of(name));
                command.addAll(options);
                command.addAll(List.of("-np", String.valueOf(ranks)));
                return command;
            }
        }
        String missing = "no launcher of " + this + " is installed (Debian: " + debianPackage + ")";
        if ("required".equals(System.getProperty("distributed"))) {
            return fail(missing);
        }
        return abort(missing);
    }

    private boolean isThis(String name) {
        try {
            List<String> command = new ArrayList<>(List.of(name));
            command.addAll(askVersion);
            Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
            String out = new String(process.getInputStream().readAllBytes());
            return process.waitFor(30, TimeUnit.SECONDS) && out.contains(mark);
        } catch (IOException e) {
            return false;
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }
}
