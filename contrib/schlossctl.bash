# SPDX-License-Identifier: Apache-2.0
# bash completion for schlossctl and schlossd; words come from the programs' own help.
_schlossctl() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words=() i
	case $prev in
	-F|--conf|--password-file|--set-file) mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	-o|--output) mapfile -t COMPREPLY < <(compgen -W "table json" -- "$cur"); return ;;
	esac
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-F|-o|--output|--tenant) i=$((i + 1)) ;;
		-*) ;;
		*) words+=("${COMP_WORDS[i]}") ;;
		esac
	done
	local help
	case ${#words[@]} in
	0)	help=$(schlossctl help 2>/dev/null | awk '/^  [a-z]+ +[a-z]+ /{print $1} /^ {9}[a-z]+ /{print $1}' | sort -u)
		mapfile -t COMPREPLY < <(compgen -W "$help help" -- "$cur") ;;
	1)	help=$(schlossctl help "${words[0]}" 2>/dev/null | awk -v n="${words[0]}" '$1 == "schlossctl" && $2 == n {print $3}')
		[[ $cur == -* ]] || mapfile -t COMPREPLY < <(compgen -W "$help" -- "$cur") ;;
	esac
	if [[ $cur == -* ]]; then
		help=$(schlossctl help "${words[0]}" 2>/dev/null | grep -oE -- '--?[a-zA-Z][a-z-]*' | sort -u)
		mapfile -t COMPREPLY < <(compgen -W "$help -F -o --tenant" -- "$cur")
	fi
}
complete -F _schlossctl schlossctl

_schlossd() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
	case $prev in
	-c) mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	esac
	case ${COMP_WORDS[1]} in
	init) mapfile -t COMPREPLY < <(compgen -W "--system --listen --advertise --admin" -- "$cur")
		mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -d -- "$cur") ;;
	passwd) mapfile -t COMPREPLY < <(compgen -W "-c --tenant" -- "$cur") ;;
	cert) mapfile -t COMPREPLY < <(compgen -W "-c --name" -- "$cur") ;;
	*) mapfile -t COMPREPLY < <(compgen -W "init passwd cert -c -t -T --version --help" -- "$cur") ;;
	esac
}
complete -F _schlossd schlossd
