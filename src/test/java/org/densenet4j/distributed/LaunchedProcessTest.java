package org.densenet4j.distributed;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.junit.jupiter.api.Test;

import java.util.Map;
import java.util.Optional;

class LaunchedProcessTest {
    @Test
    void eachLauncherTellsRankAndSizeInItsOwnWay() {
        assertEquals(
                Optional.of(new Launcher(Launcher.Kind.OPEN_MPI, 1, 0, 4)),
                Launcher.of(Map.of("OMPI_COMM_WORLD_RANK", "1", "OMPI_COMM_WORLD_SIZE", "4")));
        assertEquals(
                Optional.of(new Launcher(Launcher.Kind.PMI, 3, 1, 4)),
                Launcher.of(Map.of("PMI_RANK", "3", "PMI_SIZE", "4", "MPI_LOCALRANKID", "1")));
        assertEquals(
                Optional.of(new Launcher(Launcher.Kind.PMI, 0, 0, 2)),
                Launcher.of(Map.of("PMI_RANK", "0", "PMI_SIZE", "2")));
        assertEquals(
                Optional.of(new Launcher(Launcher.Kind.SLURM, 7, 0, 8)),
                Launcher.of(Map.of("SLURM_PROCID", "7", "SLURM_STEP_NUM_TASKS", "8")));
    }

    @Test
    void mpirunInsideAnAllocationOfSlurmIsTheLauncher() {
        Map<String, String> environment =
                Map.of(
                        "SLURM_PROCID", "0",
                        "SLURM_STEP_NUM_TASKS", "2",
                        "PMI_RANK", "5",
                        "PMI_SIZE", "16");
        assertEquals(
                Optional.of(new Launcher(Launcher.Kind.PMI, 5, 0, 16)), Launcher.of(environment));
    }

    @Test
    void oneProcessIsAloneWhateverStartedIt() {
        assertEquals(Optional.empty(), Launcher.of(Map.of()));
        assertEquals(
                Optional.empty(),
                Launcher.of(Map.of("OMPI_COMM_WORLD_RANK", "0", "OMPI_COMM_WORLD_SIZE", "1")));
        Map<String, String> batchScript = Map.of("SLURM_PROCID", "0", "SLURM_NTASKS", "8");
        assertEquals(Optional.empty(), Launcher.of(batchScript));
    }

    @Test
    void withoutALauncherTheWorldIsThisProcess() {
        assumeTrue(Launcher.current().isEmpty(), "the tests themselves were launched");
        assertSame(Communicator.alone(), Communicator.world());
        assertEquals(0, Communicator.world().rank());
        assertEquals(1, Communicator.world().worldSize());
        double[] values = {1.5};
        Communicator.world().allReduce(values);
        assertEquals(1.5, values[0]);
    }

    @Test
    void aMissingLibraryIsNamedWithTheWayOut() {
        Launcher launcher = new Launcher(Launcher.Kind.OPEN_MPI, 1, 1, 2);
        MpiException e =
                assertThrows(
                        MpiException.class,
                        () -> MpiLibrary.of(launcher, Map.of("DENSENET4J_MPI", "/no/libmpi.so")));
        assertEquals(
                "this is rank 1 of 2 of Open MPI's mpirun, and no MPI library can be loaded"
                        + " (/no/libmpi.so); install the launcher's own, or name it by"
                        + " DENSENET4J_MPI=/path/to/libmpi.so",
                e.getMessage());
    }
}
