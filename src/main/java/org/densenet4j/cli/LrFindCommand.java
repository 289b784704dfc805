package org.densenet4j.cli;

import org.densenet4j.backend.Device;
import org.densenet4j.insight.LearningRateFiles;
import org.densenet4j.io.OutputFolder;
import org.densenet4j.io.OutputRule;
import org.densenet4j.spec.FamilySpec;
import org.densenet4j.train.LearningRateSearch;
import org.densenet4j.train.Recipe;
import org.densenet4j.train.Trainer;
import org.densenet4j.train.TrainingRun;

import picocli.CommandLine.Command;
import picocli.CommandLine.IModelTransformer;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Option;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.OptionalDouble;

/**
 * {@code densenet4j lr-find}: what {@code train} with the same options would begin with, at rates
 * that rise from step to step.
 */
@Command(
        name = "lr-find",
        description =
                "Trains some steps at rates that rise exponentially and shows the loss over the"
                        + " rate, with suggestions for --lr (Smith 2017). Takes the options of"
                        + " train; the network is thrown away.",
        modelTransformer = LrFindCommand.WithoutRun.class,
        mixinStandardHelpOptions = true)
final class LrFindCommand extends TrainCommand {
    @Option(
            names = "--from",
            paramLabel = "RATE",
            defaultValue = "1e-7",
            description = "first rate (default: ${DEFAULT-VALUE})")
    private double from;

    @Option(
            names = "--to",
            paramLabel = "RATE",
            defaultValue = "10",
            description = "last rate (default: ${DEFAULT-VALUE})")
    private double to;

    @Option(
            names = "--steps",
            paramLabel = "N",
            defaultValue = "100",
            description =
                    "steps in between; a loss that leaves all bounds ends them (default:"
                            + " ${DEFAULT-VALUE})")
    private int steps;

    /** For picocli. */
    LrFindCommand() {}

    /** Leaves out what is for a run with a folder of its own. */
    static final class WithoutRun implements IModelTransformer {
        /** For picocli. */
        WithoutRun() {}

        @Override
        public CommandSpec transform(CommandSpec command) {
            for (String name : List.of("--resume", "--no-compare", "--save-every", "--out")) {
                OptionSpec option = command.findOption(name);
                command.remove(option);
                if (name.equals("--out")) {
                    command.addOption(
                            option.toBuilder()
                                    .description(
                                            "folder of CSV, PNG and SVG (default: runs/lr-find- and"
                                                    + " the time)")
                                    .build());
                }
            }
            return command;
        }
    }

    @Override
    Integer run(Recipe recipe, FamilySpec spec, TrainingSource source, Device d)
            throws IOException {
        if (out() != null && Job.isFirst()) {
            new OutputRule(List.of(), false).checkFolder(out(), LearningRateFiles.FILES);
        }
        LearningRateSearch search;
        try (Trainer trainer = builder(recipe, spec, d).open()) {
            loadWeights(trainer);
            TrainingRun run = loading(TrainingRun.unwritten(trainer, recipe));
            source.give(run);
            search = run.findLearningRate(from, to, steps);
        }
        if (Job.isFirst()) {
            System.out.println(spec + ", batch " + recipe.batch());
            report(search);
        }
        return 0;
    }

    private void report(LearningRateSearch search) throws IOException {
        System.out.printf(
                Locale.ROOT,
                "%d steps from %s to %s%n",
                search.points().size(),
                from,
                search.points().getLast().rate());
        tell("valley", search.valley(), "the middle of the longest valley: a good --lr");
        tell("steepest", search.steepest(), "where the loss falls fastest");
        tell("minimum / 10", search.tenthOfMinimum(), "a tenth of where it is least");
        Path folder = out() == null ? NewFolder.make(Path.of("runs"), "lr-find-") : out();
        new LearningRateFiles(search).write(OutputFolder.make(folder));
        System.out.println("written to " + folder);
    }

    private static void tell(String name, OptionalDouble rate, String what) {
        System.out.println(
                rate.isPresent()
                        ? String.format(
                                Locale.ROOT, "%-14s %-10.2e %s", name, rate.getAsDouble(), what)
                        : String.format(
                                Locale.ROOT, "%-14s too few steps; give --steps more", name));
    }
}
