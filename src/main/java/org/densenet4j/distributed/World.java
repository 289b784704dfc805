package org.densenet4j.distributed;

import org.jspecify.annotations.Nullable;

import java.util.Optional;

/** The processes that this one was started with: MPI is initialised once in a process. */
final class World {
    private static @Nullable Communicator joined;

    private World() {}

    static synchronized Communicator get() {
        if (joined == null) {
            Optional<Launcher> launcher = Launcher.current();
            joined =
                    launcher.isPresent()
                            ? MpiCommunicator.join(launcher.get())
                            : SingleProcess.INSTANCE;
        }
        return joined;
    }
}
