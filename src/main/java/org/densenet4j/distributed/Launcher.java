package org.densenet4j.distributed;

import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.UnaryOperator;

/**
 * What started this process as one of several, as its environment tells.
 *
 * @param kind whose launcher it is
 * @param rank number of this process, from 0
 * @param localRank number of this process among those of its host, from 0, or 0 where unknown
 * @param size number of processes, 2 or more
 */
public record Launcher(Kind kind, int rank, int localRank, int size) {
    /** Launchers, the innermost first: {@code mpirun} may itself have been started by Slurm. */
    public enum Kind {
        /** {@code mpirun} of Open MPI. */
        OPEN_MPI(
                "Open MPI's mpirun",
                "OMPI_COMM_WORLD_RANK",
                "OMPI_COMM_WORLD_LOCAL_RANK",
                "OMPI_COMM_WORLD_SIZE"),
        /** {@code mpirun} of MPICH and its family, and whatever else starts processes by PMI. */
        PMI("mpirun (PMI)", "PMI_RANK", "MPI_LOCALRANKID", "PMI_SIZE"),
        /** {@code srun}; a batch script has a rank but no size and is one process. */
        SLURM("srun", "SLURM_PROCID", "SLURM_LOCALID", "SLURM_STEP_NUM_TASKS");

        private final String command;
        private final String rank;
        private final String localRank;
        private final String size;

        Kind(String command, String rank, String localRank, String size) {
            this.command = command;
            this.rank = rank;
            this.localRank = localRank;
            this.size = size;
        }

        private Optional<Launcher> in(UnaryOperator<String> environment) {
            try {
                int number = Integer.parseInt(environment.apply(rank));
                int processes = Integer.parseInt(environment.apply(size));
                String local = environment.apply(localRank);
                int onHost = local == null ? 0 : Integer.parseInt(local);
                return Optional.of(new Launcher(this, number, onHost, processes));
            } catch (NumberFormatException e) {
                return Optional.empty(); // not set, or something else's
            }
        }
    }

    /** Checks that nothing is missing. */
    public Launcher {
        Objects.requireNonNull(kind, "kind");
    }

    /** {@return what started this process with others; empty where it is alone} */
    public static Optional<Launcher> current() {
        return of(System.getenv());
    }

    /** What an environment tells. */
    static Optional<Launcher> of(Map<String, String> environment) {
        return List.of(Kind.values()).stream()
                .flatMap(kind -> kind.in(environment::get).stream())
                .findFirst()
                .filter(found -> found.size > 1);
    }

    /** {@return such as "rank 1 of 4 of Open MPI's mpirun"} */
    @Override
    public String toString() {
        return "rank " + rank + " of " + size + " of " + kind.command;
    }

    String command() {
        return kind.command;
    }
}
