package org.densenet4j.backend.cpu;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.PointwiseMemory;
import org.densenet4j.backend.PointwiseShape;
import org.densenet4j.backend.cpu.asm.TileRegister;
import org.densenet4j.backend.cpu.jit.Words;

import java.util.Arrays;

/** How a pointwise convolution may be compiled: the first that fits is. */
enum PointwiseMethod {
    /** Products of tiles of bfloat16 (AMX), which have to be filled at least once. */
    TILES {
        @Override
        boolean fits(Target target, PointwiseShape shape) {
            return shape.type() == DataType.BFLOAT16
                    && Math.min(shape.inputChannels(), shape.outputChannels()) >= TileRegister.ROWS
                    && target.tiles();
        }

        @Override
        PointwiseMemory memory(Target target, PointwiseShape shape) {
            return TiledPointwise.memory(shape);
        }

        @Override
        HostPointwise open(CpuArena arena, Target target, PointwiseShape shape) {
            return new TiledPointwise(arena, target.set());
        }
    },

    /** Products of vectors, of a group's own inputs alone: for inference. */
    GROUPS {
        @Override
        boolean fits(Target target, PointwiseShape shape) {
            return shape.isGrouped();
        }

        @Override
        PointwiseMemory memory(Target target, PointwiseShape shape) {
            return GroupedPointwise.memory(target.set(), shape);
        }

        @Override
        HostPointwise open(CpuArena arena, Target target, PointwiseShape shape) {
            return new GroupedPointwise(arena, target.set(), shape);
        }
    },

    /** Products of float32 on tiles (AMX) forward, and of vectors backward. */
    TRIPLETS {
        @Override
        boolean fits(Target target, PointwiseShape shape) {
            return TripletPointwise.fits(shape) && target.triplets();
        }

        @Override
        PointwiseMemory memory(Target target, PointwiseShape shape) {
            return TripletPointwise.memory(target, shape);
        }

        @Override
        HostPointwise open(CpuArena arena, Target target, PointwiseShape shape) {
            return new TripletPointwise(arena, target);
        }
    },

    /** Products of vectors. */
    VECTORS {
        @Override
        boolean fits(Target target, PointwiseShape shape) {
            return true;
        }

        @Override
        PointwiseMemory memory(Target target, PointwiseShape shape) {
            return CompiledPointwise.memory(target, shape);
        }

        @Override
        HostPointwise open(CpuArena arena, Target target, PointwiseShape shape) {
            return new CompiledPointwise(arena, target, shape.type());
        }
    };

    /** What products of tiles are called where people read it. */
    static final String TILED = "machine code on tiles";

    /** What it is called where people read it, for activations of a type. */
    String title(Target target, DataType type) {
        if (this == TILES) {
            return TILED;
        }
        if (this == TRIPLETS) {
            return "forward " + TripletProducts.TITLE;
        }
        if (type == DataType.FLOAT32) {
            return "machine code";
        }
        return target.words(type) == Words.FLOATS
                ? "machine code, multiplied as float32"
                : "machine code, pairs of bfloat16";
    }

    abstract boolean fits(Target target, PointwiseShape shape);

    /** The memory that it takes. */
    abstract PointwiseMemory memory(Target target, PointwiseShape shape);

    abstract HostPointwise open(CpuArena arena, Target target, PointwiseShape shape);

    /** How a pointwise convolution is compiled. */
    static PointwiseMethod of(Target target, PointwiseShape shape) {
        return Arrays.stream(values())
                .filter(method -> method.fits(target, shape))
                .findFirst()
                .orElseThrow();
    }
}
