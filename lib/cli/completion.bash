# Completion of myikev2 for bash (4.4 or later).
# In this shell: source <(myikev2 completion bash)

_myikev2() {
  local program=${1/#\~\//$HOME/} line=${COMP_LINE:0:COMP_POINT}
  local words=() lines=() does=() piece word cut= width=0 i
  # Readline takes words apart at = and :, which belong to a word here.
  for ((i = 0; i <= COMP_CWORD; i++)); do
    piece=${line#"${line%%[![:blank:]]*}"}
    word=${COMP_WORDS[i]}
    ((i < COMP_CWORD)) || word=$piece
    if ((i > 0)) && [[ $piece == "$line" ]]; then words[-1]+=$word; else words+=("$word"); fi
    line=${piece#"${COMP_WORDS[i]}"}
  done
  mapfile -t lines < <("$program" __complete -- "${words[@]:1}" 2> /dev/null)
  case ${lines[0]} in
    files) ;; # by bash itself, as -o default says
    directories) compopt +o default -o dirnames ;;
    *) compopt +o default ;;
  esac
  word=${words[-1]}
  [[ $COMP_WORDBREAKS != *=* || $word != *=* ]] || cut=${word%"${word##*=}"}
  COMPREPLY=()
  for line in "${lines[@]:1}"; do
    word=${line%%$'\t'*}
    does+=("${line:${#word}+1}")
    word=${word#"$cut"}
    COMPREPLY+=("$word")
    ((width >= ${#word})) || width=${#word}
  done
  # What words mean is for a list of them, not for menu-complete (% and *), which puts them in.
  ((${#COMPREPLY[@]} > 1 && COMP_TYPE != 37 && COMP_TYPE != 42)) || return 0
  for i in "${!COMPREPLY[@]}"; do
    [[ ${does[i]} ]] || continue
    printf -v line '%-*s  (%s)' "$width" "${COMPREPLY[i]}" "${does[i]}"
    ((COLUMNS < 40)) || line=${line:0:COLUMNS - 2}
    COMPREPLY[i]=$line
  done
}

complete -o default -F _myikev2 myikev2
