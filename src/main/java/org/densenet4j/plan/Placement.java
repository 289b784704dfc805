package org.densenet4j.plan;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.jspecify.annotations.Nullable;

import java.util.concurrent.locks.Lock;
import java.util.function.Function;

/**
 * Where everything of a network is. Its memory is built twice: to declare what it needs, and, once
 * that has been laid out, to say where it is.
 *
 * @param layout of the arena
 * @param memory of the network, placed
 * @param <M> its type
 */
record Placement<M>(ArenaLayout layout, M memory) {

    /**
     * Places.
     *
     * @param precision storage of activations; null for the device's choice
     * @param build the network's memory out of an allocator
     * @throws PlanException when the device cannot store so, or the batch is too large to count
     * @throws IllegalStateException when the device is closed
     */
    static <M> Placement<M> of(
            Device device,
            @Nullable DataType precision,
            Schedule schedule,
            int batch,
            Function<Allocator, M> build) {
        // Libraries are asked for their workspaces, which they may not be while an operation runs.
        Lock turn = device.turn();
        turn.lock();
        try {
            if (device.isClosed()) {
                throw new IllegalStateException("the device is closed; plan on one that is open");
            }
            return inTurn(device, precision, schedule, batch, build);
        } finally {
            turn.unlock();
        }
    }

    private static <M> Placement<M> inTurn(
            Device device,
            @Nullable DataType precision,
            Schedule schedule,
            int batch,
            Function<Allocator, M> build) {
        DataType storage = precision == null ? device.precision() : precision;
        PlanException.requirePrecision(device, storage);
        int lanes = device.lanes();
        try {
            Allocator declared = Allocator.declaring(lanes, storage, schedule.last());
            var _ = build.apply(declared);
            ArenaLayout layout = ArenaLayout.of(declared.requests(), schedule.operations().size());
            Allocator placed = Allocator.placing(lanes, storage, schedule.last(), layout.buffers());
            return new Placement<>(layout, build.apply(placed));
        } catch (ArithmeticException e) {
            throw new PlanException(
                    "a batch of "
                            + batch
                            + " is too large for this network: a matrix would have more than"
                            + " 2^31 rows; use a smaller batch");
        }
    }
}
