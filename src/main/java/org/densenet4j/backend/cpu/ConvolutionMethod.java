package org.densenet4j.backend.cpu;

import org.densenet4j.backend.ConvolutionMemory;
import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.DataType;

import java.util.Arrays;

/** How a convolution may run on a CPU: the first that fits does. */
enum ConvolutionMethod {
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

    /** How a convolution runs. */
    static ConvolutionMethod of(Host host, ConvolutionShape shape) {
        return Arrays.stream(values())
                .filter(method -> method.fits(host, shape))
                .findFirst()
                .orElseThrow();
    }
}
