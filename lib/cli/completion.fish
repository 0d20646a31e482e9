# Completion of myikev2 for fish.
# In this shell: myikev2 completion fish | source

function __myikev2_complete
    set -l before (commandline -opc)
    set -l word (commandline -ct)
    set -l program (string replace -r -- '^~/' "$HOME/" $before[1])
    set -l lines ($program __complete -- $before[2..-1] "$word" 2> /dev/null)
    for line in $lines[2..-1]
        echo $line
    end
    # Names of files fit behind an option and = too.
    set -l option (string match -r -- '^--[^=]+=' "$word")
    set -l path (string replace -r -- '^--[^=]+=' '' "$word")
    switch "$lines[1]"
        case files
            for name in (__fish_complete_path "$path")
                echo "$option$name"
            end
        case directories
            for name in (__fish_complete_directories "$path" '')
                echo "$option$name"
            end
    end
end

complete -c myikev2 -f -a '(__myikev2_complete)'
