#compdef myikev2
# Completion of myikev2 for zsh.
# In this shell, behind compinit: source <(myikev2 completion zsh)

_myikev2() {
  local program=${${(Q)words[1]}/#\~\//$HOME/} line value
  local -a before lines offers
  ((CURRENT < 3)) || before=("${(@Q)words[2,CURRENT-1]}")
  lines=("${(@f)$("$program" __complete -- "${before[@]}" "${(Q)PREFIX}" 2> /dev/null)}")
  for line in "${(@)lines[2,-1]}"; do
    value=${line%%$'\t'*}
    offers+=("${value//:/\\:}${${line[$#value+1,-1]}/$'\t'/:}")
  done
  # They fit as they are: an SPI may be typed in lower case.
  ((! $#offers)) || _describe myikev2 offers -U
  case $lines[1] in
    files) [[ $PREFIX != --*=* ]] || compset -P 1 '*='; _files ;;
    directories) [[ $PREFIX != --*=* ]] || compset -P 1 '*='; _files -/ ;;
  esac
}

if [[ $funcstack[1] == _myikev2 ]]; then _myikev2 "$@"; else compdef _myikev2 myikev2; fi
