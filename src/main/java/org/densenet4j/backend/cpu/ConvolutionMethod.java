package org.densenet4j.backend.cpu;

import org.densenet4j.backend.ConvolutionMemory;
import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.DataType;

import java.util.Arrays;

/** How a convolution may run on a CPU: the first that fits does. */
enum ConvolutionMethod {
    /** Few input channels, in machine code of the engine's own. */
    STEM("few channels in machine code") {
        @Override
        boolean fits(Host host, ConvolutionShape shape) {
            return host.target()
                    .map(target -> CompiledStem.fits(target.set(), shape))
                    .orElse(false);
        }

        @Override
        ConvolutionMemory memory(Host host, ConvolutionShape shape) {
            return CompiledStem.memory(
                    host.target().orElseThrow().set(),
                    shape,
                    library(host, shape).memory(host, shape));
        }

        @Override
        HostConvolution open(CpuArena arena, Host host, ConvolutionShape shape) {
            return new CompiledStem(
                    arena,
                    host.target().orElseThrow().set(),
                    shape,
                    library(host, shape).open(arena, host, shape));
        }
    },

    /** A 1x1 convolution of float32 as products of tiles (AMX) of three bfloat16 for each. */
    TRIPLET_POINT("products of tiles, three bfloat16 for a float32") {
        @Override
        boolean fits(Host host, ConvolutionShape shape) {
            return TripletPointConvolution.fits(host, shape);
        }

        @Override
        ConvolutionMemory memory(Host host, ConvolutionShape shape) {
            return TripletPointConvolution.memory(shape);
        }

        @Override
        HostConvolution open(CpuArena arena, Host host, ConvolutionShape shape) {
            return new TripletPointConvolution(arena, arena.tripletProducts(), shape);
        }
    },

    /** A 1x1 convolution as products in machine code of the engine's own. */
    POINT("products in machine code") {
        @Override
        boolean fits(Host host, ConvolutionShape shape) {
            return host.target().isPresent() && CompiledPointConvolution.fits(shape);
        }

        @Override
        ConvolutionMemory memory(Host host, ConvolutionShape shape) {
            return CompiledPointConvolution.memory(host.target().orElseThrow().set(), shape);
        }

        @Override
        HostConvolution open(CpuArena arena, Host host, ConvolutionShape shape) {
            return arena.pointConvolution(host.target().orElseThrow().set(), shape);
        }
    },

    /** A 1x1 convolution of bfloat16 as products of tiles (AMX). */
    TILED_POINT("products of tiles") {
        @Override
        boolean fits(Host host, ConvolutionShape shape) {
            return TiledPointConvolution.fits(host, shape);
        }

        @Override
        ConvolutionMemory memory(Host host, ConvolutionShape shape) {
            return TiledPointConvolution.memory(shape);
        }

        @Override
        HostConvolution open(CpuArena arena, Host host, ConvolutionShape shape) {
            return new TiledPointConvolution(arena, arena.tiledProducts(), shape);
        }
    },

    /** A convolution of bfloat16 as a sum of products of tiles (AMX). */
    TILED("a sum of products of tiles") {
        @Override
        boolean fits(Host host, ConvolutionShape shape) {
            return TiledConvolution.fits(host, shape);
        }

        @Override
        ConvolutionMemory memory(Host host, ConvolutionShape shape) {
            return TiledConvolution.memory(shape);
        }

        @Override
        HostConvolution open(CpuArena arena, Host host, ConvolutionShape shape) {
            return new TiledConvolution(arena, arena.tiledProducts(), shape);
        }
    },

    /** Winograd's minimal filtering in machine code of the engine's own. */
    COMPILED("Winograd in machine code") {
        @Override
        boolean fits(Host host, ConvolutionShape shape) {
            return host.winograd() && host.target().isPresent() && WinogradConvolution.fits(shape);
        }

        @Override
        ConvolutionMemory memory(Host host, ConvolutionShape shape) {
            return CompiledWinograd.memory(host.target().orElseThrow(), shape);
        }

        @Override
        HostConvolution open(CpuArena arena, Host host, ConvolutionShape shape) {
            return new CompiledWinograd(arena, host.target().orElseThrow(), shape);
        }
    },

    /** Winograd's minimal filtering on the Vector API and oneDNN's products. */
    WINOGRAD("Winograd on the Vector API and oneDNN's products") {
        @Override
        boolean fits(Host host, ConvolutionShape shape) {
            return host.winograd()
                    && host.vectorApi()
                    && shape.type() == DataType.FLOAT32
                    && WinogradConvolution.fits(shape);
        }

        @Override
        ConvolutionMemory memory(Host host, ConvolutionShape shape) {
            return WinogradConvolution.memory(host.dnn(), shape);
        }

        @Override
        HostConvolution open(CpuArena arena, Host host, ConvolutionShape shape) {
            return new WinogradConvolution(arena, shape);
        }
    },

    /** oneDNN's convolution. */
    DIRECT("oneDNN") {
        @Override
        boolean fits(Host host, ConvolutionShape shape) {
            return host.multiplies(shape.type());
        }

        @Override
        ConvolutionMemory memory(Host host, ConvolutionShape shape) {
            return CpuConvolution.memory(host.dnn(), shape);
        }

        @Override
        HostConvolution open(CpuArena arena, Host host, ConvolutionShape shape) {
            return new CpuConvolution(arena, shape);
        }
    },

    /** oneDNN's convolution of bfloat16 as float32. */
    WIDENED("oneDNN, as float32") {
        @Override
        boolean fits(Host host, ConvolutionShape shape) {
            return true;
        }

        @Override
        ConvolutionMemory memory(Host host, ConvolutionShape shape) {
            return WidenedConvolution.memory(host.dnn(), shape);
        }

        @Override
        HostConvolution open(CpuArena arena, Host host, ConvolutionShape shape) {
            return new WidenedConvolution(arena, shape);
        }
    };

    private final String title;

    ConvolutionMethod(String title) {
        this.title = title;
    }

    /** What it is called where people read it. */
    String title() {
        return title;
    }

    abstract boolean fits(Host host, ConvolutionShape shape);

    /** The memory that it takes. */
    abstract ConvolutionMemory memory(Host host, ConvolutionShape shape);

    abstract HostConvolution open(CpuArena arena, Host host, ConvolutionShape shape);

    /** oneDNN's, one way or the other. */
    private static ConvolutionMethod library(Host host, ConvolutionShape shape) {
        return DIRECT.fits(host, shape) ? DIRECT : WIDENED;
    }

    /** How a convolution runs. */
    static ConvolutionMethod of(Host host, ConvolutionShape shape) {
        return Arrays.stream(values())
                .filter(method -> method.fits(host, shape))
                .findFirst()
                .orElseThrow();
    }
}
