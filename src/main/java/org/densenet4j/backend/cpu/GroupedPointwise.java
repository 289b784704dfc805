package org.densenet4j.backend.cpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.PointwiseGradient;
import org.densenet4j.backend.PointwiseMemory;
import org.densenet4j.backend.PointwiseShape;
import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.jit.Arguments;
import org.densenet4j.backend.cpu.jit.GroupedPointwiseForwardKernel;
import org.densenet4j.backend.cpu.jit.GroupedPointwiseForwardKernel.Argument;
import org.densenet4j.backend.cpu.jit.Panels;

import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * A pointwise convolution in groups that read inputs of their own choice, in machine code: it
 * multiplies no more than these. Which inputs they are is found in the weights when they are
 * packed. For inference: it has no gradient.
 */
final class GroupedPointwise implements HostPointwise {
    private final StoredElements elements;
    private final long base;
    private final PointwiseShape shape;
    private final Panels panels;
    private final Arguments[] arguments;
    private final KernelCache<GroupedPointwiseForwardKernel.Form, GroupedPointwiseForwardKernel>
            forward;

    GroupedPointwise(CpuArena arena, InstructionSet set, PointwiseShape shape) {
        this.elements = new StoredElements(arena.memory());
        this.base = arena.memory().address();
        this.shape = shape;
        this.panels = new Panels(set, shape.groupOutputs());
        this.arguments = arena.arguments(Argument.class);
        this.forward = new KernelCache<>(set, GroupedPointwiseForwardKernel::new);
    }

    static PointwiseMemory memory(InstructionSet set, PointwiseShape s) {
        long tile =
                GroupedPointwiseForwardKernel.tileBytes(set, s.inputChannels(), s.groupOutputs());
        long panels = Float.BYTES * new Panels(set, s.groupOutputs()).floats(s.groupInputs());
        return new PointwiseMemory(placesBytes(s) + s.groups() * panels, tile, tile, 0, 0);
    }

    /** Bytes of the places of all groups' inputs, in front of the panels. */
    private static long placesBytes(PointwiseShape s) {
        return Math.ceilDiv((long) Long.BYTES * s.groups() * s.groupInputs(), 64L) * 64;
    }

    @Override
    public Matrix packForward(int lane, Matrix weight, Matrix packed) {
        long panel = packed.offset() + placesBytes(shape);
        for (int g = 0; g < shape.groups(); g++) {
            float[][] rows = rows(weight, g);
            int[] inputs = inputs(rows, g);
            for (int i = 0; i < inputs.length; i++) {
                elements.memory.set(
                        JAVA_LONG,
                        packed.offset() + Long.BYTES * ((long) g * inputs.length + i),
                        (long) Float.BYTES * inputs[i]);
            }
            for (int p = 0; p < panels.count(); p++) {
                packPanel(rows, p, inputs, panel);
                panel += (long) Float.BYTES * inputs.length * panels.columns(p);
            }
        }
        return packed;
    }

    /** The weights of a group's outputs, as arrays: a JVM that has just started likes them. */
    private float[][] rows(Matrix weight, int group) {
        float[][] rows = new float[shape.groupOutputs()][shape.inputChannels()];
        for (int o = 0; o < rows.length; o++) {
            elements.read(weight, group * rows.length + o, 0, rows[o], rows[o].length);
        }
        return rows;
    }

    /** The inputs that a group reads, and, where these are fewer, some that it does not. */
    private int[] inputs(float[][] rows, int group) {
        boolean[] reads = new boolean[shape.inputChannels()];
        for (float[] row : rows) {
            for (int i = 0; i < reads.length; i++) {
                reads[i] |= row[i] != 0;
            }
        }
        int[] read = IntStream.range(0, reads.length).filter(i -> reads[i]).toArray();
        if (read.length > shape.groupInputs()) {
            throw new IllegalArgumentException(
                    "group " + group + " of a " + shape + " has weights for more inputs than that");
        }
        IntStream others = IntStream.range(0, reads.length).filter(i -> !reads[i]);
        return IntStream.concat(Arrays.stream(read), others)
                .limit(shape.groupInputs())
                .sorted()
                .toArray();
    }

    private void packPanel(float[][] rows, int p, int[] inputs, long panel) {
        int first = panels.firstColumn(p);
        int columns = panels.columns(p);
        for (int i = 0; i < inputs.length; i++) {
            for (int c = 0; c < columns; c++) {
                float value = first + c < rows.length ? rows[first + c][inputs[i]] : 0;
                elements.memory.set(
                        JAVA_FLOAT, panel + Float.BYTES * ((long) i * columns + c), value);
            }
        }
    }

    @Override
    public Matrix packBackward(int lane, Matrix weight, Matrix packed) {
        throw new UnsupportedOperationException("a " + shape + " is for inference");
    }

    @Override
    public void forward(int lane, Matrix x, Matrix affine, Matrix weights, Matrix chunk, Matrix z) {
        GroupedPointwiseForwardKernel kernel =
                forward.of(
                        new GroupedPointwiseForwardKernel.Form(
                                Target.storage(x.type()),
                                x.rows(),
                                x.columns(),
                                shape.groups(),
                                shape.groupInputs(),
                                shape.groupOutputs(),
                                x.rowBytes(),
                                z.rowBytes()));
        kernel.run(
                arguments[lane]
                        .set(Argument.X, base + x.offset())
                        .set(Argument.SCALE, base + affine.offset())
                        .set(Argument.SHIFT, base + affine.row(1).offset())
                        .set(Argument.PLACES, base + weights.offset())
                        .set(Argument.WEIGHTS, base + weights.offset() + placesBytes(shape))
                        .set(Argument.TILE, base + chunk.offset())
                        .set(Argument.Z, base + z.offset()));
    }

    @Override
    public void backward(int lane, PointwiseGradient gradient, Matrix chunk) {
        throw new UnsupportedOperationException("a " + shape + " is for inference");
    }

    @Override
    public void close() {
        forward.close();
    }
}
